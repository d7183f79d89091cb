// The streams and their turns, as the server tells of them. No DOM, no clock.

import { Changes } from "./changes";
import type { Event, Look, Moods, TurnJudged, TurnPartial, TurnStarted, WatchMessage } from "./protocol";

const MOST_TURNS = 5_000;
const FORGOTTEN_AT_ONCE = 1_000;
/** Sessions that are over and still shown: as many as the server keeps for who comes later. */
const MOST_ENDED = 8;

export interface Turn {
  said: TurnJudged;
  /** Its emotion before the last change of it, null where it never changed. */
  was: string | null;
}

/** One stream: its running session, or its last. */
export class Stream {
  readonly changes = new Changes();
  readonly levels = new Changes();
  /** Turns that are over, in order of their numbers. */
  readonly turns: Turn[] = [];
  /** Moments that a listener marked, in seconds. */
  readonly marks: number[] = [];
  readonly speaking = new Map<number, TurnStarted | TurnPartial>();
  session = "";
  source = "";
  recogniser = "";
  bundle = "";
  ended: string | null = null;
  /** The device, as long as it does not answer. */
  device: string | null = null;
  /** The analyzer, as long as it does not fare well. */
  health: string | null = null;
  /** What was lost since the newest turn. */
  notice: string | null = null;
  /** Loudness in dB below full scale, null where there is no sound. */
  dbfs: number | null = null;
  private heard = 0;

  constructor(readonly name: string) {}

  get newest(): Turn | undefined {
    return this.turns.at(-1);
  }

  /** How far the session has got, in seconds. */
  get reached(): number {
    const started = [...this.speaking.values()].map((turn) => turn.start_s);
    return Math.max(this.heard, ...started);
  }

  /** Everything that is the matter. */
  get troubles(): string[] {
    const failed = this.ended?.startsWith("error") ? this.ended : null;
    return [failed, this.device, this.health, this.notice].filter((each) => each !== null);
  }

  apply(event: Event): void {
    switch (event.type) {
      case "session.started":
        Object.assign(this, { session: event.session, source: event.source });
        Object.assign(this, { recogniser: event.recogniser, bundle: event.bundle });
        break;
      case "session.ended":
        this.ended = event.reason;
        this.dbfs = null;
        this.device = this.health = this.notice = null;
        this.speaking.clear();
        this.levels.tell();
        break;
      case "turn.started":
      case "turn.partial":
        this.speaking.set(event.turn, event);
        break;
      case "turn.final":
      case "turn.revised":
        this.judge(event);
        break;
      case "audio.gap":
        this.notice = `${event.length_s.toFixed(1)} s of sound lost: ${event.reason}`;
        break;
      case "audio.device_lost":
        this.device = `${event.device} does not answer: ${event.reason}`;
        break;
      case "audio.device_back":
        this.device = null;
        break;
      case "health":
        this.health = event.status === "degraded" ? event.message : null;
        break;
      case "mark":
        this.marks.push(event.at_s);
        break;
    }
    this.changes.tell();
  }

  private judge(said: TurnJudged): void {
    this.speaking.delete(said.turn);
    this.heard = Math.max(this.heard, said.end_s); // speakers overlap: the newest turn need not be the last to end
    if (said.type === "turn.final") this.notice = null;
    const at = this.indexOf(said.turn);
    const known = this.turns[at];
    if (known?.said.turn === said.turn) {
      const was = known.said.emotion === said.emotion ? known.was : known.said.emotion;
      this.turns[at] = { said, was };
      return;
    }
    this.turns.splice(at, 0, { said, was: null });
    if (this.turns.length > MOST_TURNS) this.turns.splice(0, FORGOTTEN_AT_ONCE);
  }

  /** Where a turn is, or belongs. */
  private indexOf(number: number): number {
    let low = 0;
    let high = this.turns.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.turns[middle]!.said.turn < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** All streams. After a break all is told anew, and replaces what was known once it is complete. */
export class Streams {
  readonly changes = new Changes();
  looks: Record<string, Look> = {};
  moods: Moods = { even_within: 0, sides: {} };
  ready = false;
  onTurn: (turn: TurnJudged) => void = () => {};
  private all = new Map<string, Stream>();
  private coming: Map<string, Stream> | null = null;

  /** Those that run first, in order of beginning; then the latest that have ended. */
  list(): Stream[] {
    const streams = [...this.all.values()];
    return [...streams.filter((each) => each.ended === null), ...streams.filter((each) => each.ended !== null)];
  }

  get(name: string): Stream | undefined {
    return this.all.get(name);
  }

  take(message: WatchMessage): void {
    switch (message.type) {
      case "watch.started":
        this.looks = message.looks;
        this.moods = message.moods;
        this.coming = new Map();
        break;
      case "watch.history":
        for (const event of message.events) this.apply(event, this.coming ?? this.all);
        break;
      case "watch.ready":
        this.all = this.coming ?? this.all;
        this.coming = null;
        this.ready = true;
        this.changes.tell();
        break;
      case "levels":
        for (const [name, dbfs] of Object.entries(message.dbfs)) {
          const stream = this.all.get(name);
          if (stream === undefined || stream.ended !== null) continue;
          stream.dbfs = dbfs;
          stream.levels.tell();
        }
        break;
      case "events.shed":
      case "error":
        break;
      default:
        this.apply(message, this.all);
        if (message.type === "turn.final") this.onTurn(message);
    }
  }

  private apply(event: Event, into: Map<string, Stream>): void {
    if (event.type === "session.started") {
      into.delete(event.stream);
      into.set(event.stream, new Stream(event.stream));
    }
    const stream = into.get(event.stream);
    stream?.apply(event);
    if (stream !== undefined && event.type === "session.ended") {
      into.delete(stream.name); // to the end: the one that ended first is forgotten first
      into.set(stream.name, stream);
      const ended = [...into.values()].filter((each) => each.ended !== null);
      for (const { name } of ended.slice(0, -MOST_ENDED)) into.delete(name);
    }
    if (into === this.all && (event.type === "session.started" || event.type === "session.ended")) {
      this.changes.tell();
    }
  }
}
