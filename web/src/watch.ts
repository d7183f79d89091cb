// The connection that all streams are watched over: kept up, whatever happens.

import { Changes } from "./changes";
import { ask, connect, type WatchMessage } from "./protocol";
import type { Streams } from "./streams";
import { token } from "./token";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

export type WatchState = "connecting" | "connected" | "token" | "lost" | { refused: string };

export class Watch {
  readonly changes = new Changes();
  state: WatchState = "connecting";
  private wait = FIRST_WAIT_MS;
  private retry = 0;
  private socket: WebSocket | null = null;

  constructor(private readonly streams: Streams) {
    window.addEventListener("online", () => this.soon(0));
    this.open();
  }

  /** Try again now: the token is another. */
  again(): void {
    this.become("connecting");
    this.open();
  }

  private open(): void {
    clearTimeout(this.retry);
    if (this.socket !== null) {
      this.socket.onmessage = this.socket.onclose = null; // only one may tell
      this.socket.close();
    }
    let welcome = false;
    const socket = connect("/v1/watch", token.get());
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data as string) as WatchMessage;
      this.streams.take(message);
      if (message.type === "watch.ready") {
        welcome = true;
        this.wait = FIRST_WAIT_MS;
        this.become("connected");
      } else if (message.type === "events.shed") {
        socket.close(); // what was missed is told anew
      }
    };
    socket.onclose = () => {
      if (welcome) this.become("lost");
      void this.lost(socket);
    };
  }

  private async lost(socket: WebSocket): Promise<void> {
    const answer = await ask(token.get());
    if (this.socket !== socket) return; // another attempt has begun meanwhile
    if (answer === "token") {
      this.become("token");
      return;
    }
    if (answer === "welcome" || answer === "away") {
      this.become("lost");
    } else {
      this.become({ refused: answer });
    }
    this.soon(this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private soon(ms: number): void {
    if (this.state === "connected" || this.state === "token" || this.state === "connecting") return;
    clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.open(), ms);
  }

  private become(state: WatchState): void {
    this.state = state;
    this.changes.tell();
  }
}
