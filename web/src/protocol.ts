// What the server says (docs/protocol.md), as far as the page looks at it.

export interface Look {
  symbol: string;
  colour: string;
  on_light: string;
  on_dark: string;
}

/** Names of moods: even near the middle, elsewhere by the signs of valence and arousal. */
export interface Moods {
  even_within: number;
  sides: Record<string, [number, number]>;
}

interface Told {
  stream: string;
  session: string;
  seq: number;
  at: string;
}

export interface SessionStarted extends Told {
  type: "session.started";
  source: string;
  bundle: string;
  recogniser: string;
  labels: string[];
}

export interface SessionEnded extends Told {
  type: "session.ended";
  reason: string;
  turns: number;
}

export interface TurnStarted extends Told {
  type: "turn.started";
  turn: number;
  speaker: string | null;
  start_s: number;
}

export interface TurnPartial extends Told {
  type: "turn.partial";
  turn: number;
  speaker: string | null;
  start_s: number;
  text: string | null;
  /** The first words of the text, which later ones keep. */
  committed: string | null;
  emotion: string;
  confidence: number;
}

export interface TurnJudged extends Told {
  type: "turn.final" | "turn.revised";
  turn: number;
  revision: number;
  speaker: string | null;
  start_s: number;
  end_s: number;
  text: string | null;
  emotion: string;
  confidence: number;
  probabilities: Record<string, number>;
  valence: number;
  /** null where it is unknown. */
  arousal: number | null;
}

export interface AudioGap extends Told {
  type: "audio.gap";
  start_s: number;
  length_s: number;
  reason: string;
}

export interface DeviceLost extends Told {
  type: "audio.device_lost";
  device: string;
  reason: string;
}

export interface DeviceBack extends Told {
  type: "audio.device_back";
  device: string;
}

export interface Health extends Told {
  type: "health";
  status: "ok" | "degraded";
  message: string;
}

export interface Mark extends Told {
  type: "mark";
  at_s: number;
}

export type Event =
  | SessionStarted
  | SessionEnded
  | TurnStarted
  | TurnPartial
  | TurnJudged
  | AudioGap
  | DeviceLost
  | DeviceBack
  | Health
  | Mark;

export type WatchMessage =
  | { type: "watch.started"; version: string; looks: Record<string, Look>; moods: Moods }
  | { type: "watch.history"; stream: string; events: Event[] }
  | { type: "watch.ready" }
  | { type: "levels"; dbfs: Record<string, number> }
  | { type: "events.shed"; count: number }
  | { type: "error"; code: string; message: string }
  | Event;

export type StreamMessage =
  | { type: "stream.resumed"; stream: string; session: string }
  | { type: "error"; code: string; message: string }
  | { type: "events.shed"; count: number }
  | Event;

const SUBPROTOCOL = "merits.v1";

/** Open a websocket to the server this page came from. */
export function connect(path: string, token: string | null): WebSocket {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, token === null ? [SUBPROTOCOL] : [SUBPROTOCOL, `merits.token.${token}`]);
}

/** What the server thinks of us: a refused websocket does not say why, plain HTTP does. */
export async function ask(token: string | null): Promise<"welcome" | "token" | "away" | string> {
  try {
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch("/v1/streams", { headers, cache: "no-store" });
    if (response.ok) return "welcome";
    if (response.status === 401) return "token";
    const refusal = (await response.json()) as { message?: string };
    return refusal.message ?? `The server answers ${response.status}.`;
  } catch {
    return "away";
  }
}
