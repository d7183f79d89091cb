// The token that the server may ask for: kept as long as the tab is open, never in a URL.

const KEY = "merits.token";

export const token = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (value: string): void => sessionStorage.setItem(KEY, value),
};
