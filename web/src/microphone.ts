// The browser's microphone as a stream: AudioWorklet -> websocket. A reload goes on with the same session.

import { Changes } from "./changes";
import { connect, type StreamMessage } from "./protocol";
import { token } from "./token";

declare const WORKLET_URL: string;

const KEY = "merits.microphone";
const LINGER_S = 30;
const MOST_WAITING_S = 5;
const AGAIN_MS = 1_000;
const AWAKE_WITHIN_MS = 1_500;

/** What is remembered over a reload of the tab. */
interface Memory {
  name: string;
  session: string | null;
  on: boolean;
}

export type MicrophoneState = "off" | "starting" | "on" | "asleep" | "stopping";

/** Why this page cannot have a microphone, null where it can. */
export const impossible: string | null =
  window.isSecureContext && navigator.mediaDevices !== undefined
    ? null
    : "Browsers lend a microphone only to pages that come over https or from localhost. " +
      "Start the server with --tls-cert and --tls-key, or open the page on the machine that serves it.";

export class Microphone {
  readonly changes = new Changes();
  state: MicrophoneState = "off";
  problem: string | null = null;
  private memory: Memory = recall();
  private sound: MediaStream | null = null;
  private context: AudioContext | null = null;
  private socket: WebSocket | null = null;
  private missedS = 0;
  private retry = 0;

  constructor() {
    if (this.memory.on && impossible === null) void this.start();
  }

  get name(): string {
    return this.memory.name;
  }

  set name(name: string) {
    this.remember({ name });
    this.changes.tell();
  }

  /** Start, stop, or wake up: whatever the button says. */
  async toggle(): Promise<void> {
    if (this.state === "off") {
      this.remember({ session: null });
      await this.start();
    } else if (this.state === "asleep") {
      await this.context?.resume();
    } else if (this.state === "on") {
      this.stop();
    }
  }

  private async start(): Promise<void> {
    this.become("starting", null);
    try {
      this.sound = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: false, autoGainControl: false },
      });
      this.context = new AudioContext({ latencyHint: "balanced" });
      await this.context.audioWorklet.addModule(WORKLET_URL);
      const gatherer = new AudioWorkletNode(this.context, "gatherer", { numberOfOutputs: 0 });
      gatherer.port.onmessage = ({ data }) => this.send(data as Int16Array<ArrayBuffer>);
      this.context.createMediaStreamSource(this.sound).connect(gatherer);
      for (const track of this.sound.getTracks()) {
        track.onended = () => this.fail("The microphone was unplugged, or the browser took it away.");
      }
      await this.wake(this.context);
    } catch (error) {
      this.fail(wording(error));
      return;
    }
    this.connect();
  }

  /** A page that was reloaded may have to be touched before it may deal with sound. */
  private async wake(context: AudioContext): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, AWAKE_WITHIN_MS));
    await Promise.race([context.resume(), late]);
    if (context.state === "running") return;
    this.become("asleep", "The browser wants the button pressed before it goes on listening.");
    await context.resume();
  }

  private connect(): void {
    const { name, session } = this.memory;
    const socket = connect(`/v1/streams/${encodeURIComponent(name)}`, token.get());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let refused: string | null = null;
    socket.onopen = () => {
      const start = { type: "start", rate: this.context?.sampleRate, source: "browser microphone" };
      socket.send(JSON.stringify({ ...start, linger_s: LINGER_S, ...(session === null ? {} : { resume: session }) }));
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data as string) as StreamMessage;
      if (message.type === "session.started" || message.type === "stream.resumed") {
        this.remember({ session: message.session, on: true });
        this.become("on", null);
      } else if (message.type === "error") {
        refused = message.message;
      }
    };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (this.state === "stopping" || code === 1000) {
        this.release("off", null);
      } else if (refused !== null || this.memory.session === null) {
        this.fail(refused ?? "The server does not answer.");
      } else {
        this.problem = "Connection lost; trying again.";
        this.changes.tell();
        this.retry = window.setTimeout(() => this.connect(), AGAIN_MS);
      }
    };
  }

  private send(piece: Int16Array<ArrayBuffer>): void {
    const socket = this.socket;
    const rate = this.context?.sampleRate;
    if (socket === null || rate === undefined || socket.readyState !== WebSocket.OPEN || this.state !== "on") return;
    if (socket.bufferedAmount > MOST_WAITING_S * rate * 2) {
      this.missedS += piece.length / rate;
      return;
    }
    if (this.missedS > 0) {
      socket.send(JSON.stringify({ type: "gap", length_s: this.missedS, reason: "the network was too slow" }));
      this.missedS = 0;
    }
    socket.send(piece.buffer);
  }

  private stop(): void {
    this.remember({ on: false, session: null });
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.become("stopping", null);
      this.silence();
      this.socket.send(JSON.stringify({ type: "end" }));
    } else {
      this.release("off", null);
    }
  }

  private fail(problem: string): void {
    this.release("off", problem);
  }

  private release(state: MicrophoneState, problem: string | null): void {
    this.silence();
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
    else socket?.close();
    this.remember({ on: false, session: null });
    this.become(state, problem);
  }

  private silence(): void {
    for (const track of this.sound?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.sound = null;
    void this.context?.close();
    this.context = null;
    this.missedS = 0;
  }

  private become(state: MicrophoneState, problem: string | null): void {
    this.state = state;
    this.problem = problem;
    this.changes.tell();
  }

  private remember(what: Partial<Memory>): void {
    this.memory = { ...this.memory, ...what };
    sessionStorage.setItem(KEY, JSON.stringify(this.memory));
  }
}

function recall(): Memory {
  const kept = sessionStorage.getItem(KEY);
  if (kept !== null) return JSON.parse(kept) as Memory;
  const number = crypto.getRandomValues(new Uint16Array(1))[0]!;
  return { name: `browser-${number.toString(36).padStart(4, "0")}`, session: null, on: false };
}

function wording(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The microphone was not allowed: see the lock or camera symbol beside the address.";
  if (name === "NotFoundError") return "There is no microphone. Plug one in and try again.";
  if (name === "NotReadableError") return "Another program holds the microphone. Close it and try again.";
  return error instanceof Error ? error.message : String(error);
}
