// The token that the server may ask for: kept as long as the tab is open, never in a URL.

const KEY = "merits.token";

/** What the server takes for one (streamer/server/auth.py); of anything else browsers make no websocket. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{16,256}$/;
const REFUSED = "-";

export const token = {
  /** null where none was given yet. What cannot be a token becomes one that the server refuses. */
  get: (): string | null => {
    const kept = sessionStorage.getItem(KEY);
    return kept === null || TOKEN.test(kept) ? kept : REFUSED;
  },
  set: (value: string): void => sessionStorage.setItem(KEY, value),
};
