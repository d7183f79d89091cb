/** Seconds as m:ss or h:mm:ss. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const ss = String(s).padStart(2, "0");
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${ss}` : `${m}:${ss}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Valence or arousal. */
export function signed(value: number): string {
  const rounded = value.toFixed(1).replace("-0.0", "0.0");
  return (value > 0 && rounded !== "0.0" ? `+${rounded}` : rounded).replace("-", "−");
}

export function words(text: string | null): string {
  return text === null ? "(words withheld)" : text === "" ? "(no words)" : text;
}
