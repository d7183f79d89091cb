// Runs in the audio thread: gathers sound into pieces of about 100 ms, 16-bit, at the browser's own rate.

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const PIECE_S = 0.1;

class Gatherer extends AudioWorkletProcessor {
  private piece = new Int16Array(Math.round(sampleRate * PIECE_S));
  private filled = 0;

  process([input]: Float32Array[][]): boolean {
    const [left, ...others] = input ?? [];
    if (left === undefined) return true;
    for (let i = 0; i < left.length; i++) {
      let sample = left[i]!;
      for (const other of others) sample += other[i]!;
      const scaled = Math.round((sample / (1 + others.length)) * 32_768);
      this.piece[this.filled++] = Math.max(-32_768, Math.min(32_767, scaled));
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece, [this.piece.buffer]);
        this.piece = new Int16Array(Math.round(sampleRate * PIECE_S));
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("gatherer", Gatherer);
