// Valence over time as a line, emotions as a band beneath it; follows the conversation.

import uPlot from "uplot";

import { lookOf } from "./looks";
import type { Look } from "./protocol";
import type { Stream } from "./streams";
import { clock } from "./wording";

const HEIGHT = 132;
const BAND = 14;
const SHORTEST_SPAN_S = 60;
const AT_MOST_EVERY_MS = 250;
const ROOM_FOR_SYMBOL = 11;

const dark = matchMedia("(prefers-color-scheme: dark)");

export class Timeline {
  private readonly plot: uPlot;
  private readonly stops: (() => void)[];
  private span = 600;
  private seen = false;
  private drawnAt = 0;
  private timer = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly stream: Stream,
    private readonly looks: Record<string, Look>,
  ) {
    this.plot = new uPlot(this.options(), [[], []], place);
    const sized = new ResizeObserver(() => this.plot.setSize({ width: place.clientWidth, height: HEIGHT }));
    sized.observe(place);
    const visible = new IntersectionObserver((entries) => {
      this.seen = entries.at(-1)!.isIntersecting;
      if (this.seen) this.draw();
    });
    visible.observe(place);
    const repaint = () => this.plot.redraw(false, true);
    dark.addEventListener("change", repaint);
    this.stops = [
      stream.changes.listen(() => this.soon()),
      () => sized.disconnect(),
      () => visible.disconnect(),
      () => dark.removeEventListener("change", repaint),
    ];
  }

  /** Show the last so many seconds. */
  show(span: number): void {
    this.span = span;
    this.draw();
  }

  destroy(): void {
    clearTimeout(this.timer);
    for (const stop of this.stops) stop();
    this.plot.destroy();
  }

  private soon(): void {
    if (!this.seen || this.timer !== 0) return;
    this.timer = window.setTimeout(() => this.draw(), Math.max(0, this.drawnAt + AT_MOST_EVERY_MS - performance.now()));
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.drawnAt = performance.now();
    const { turns, reached } = this.stream;
    const times = turns.map(({ said }) => (said.start_s + said.end_s) / 2);
    const values = turns.map(({ said }) => said.valence);
    const to = Math.max(reached, SHORTEST_SPAN_S);
    const from = Math.max(0, to - this.span);
    this.plot.batch(() => {
      this.plot.setData([times, values], false);
      this.plot.setScale("x", { min: from, max: to });
    });
  }

  private colour(name: string): string {
    return getComputedStyle(this.place).getPropertyValue(name).trim();
  }

  private options(): uPlot.Options {
    const ink = () => this.colour("--quiet");
    const grid = { stroke: () => this.colour("--line"), width: 1 };
    const font = "11px system-ui, sans-serif";
    return {
      width: this.place.clientWidth || 300,
      height: HEIGHT,
      padding: [6, 8, BAND + 2, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: [-1.05, 1.05] } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: { show: false }, size: 18, gap: BAND + 2, font,
          values: (_, splits) => splits.map(clock) },
        { stroke: ink, grid, ticks: { show: false }, size: 26, font, splits: () => [-1, 0, 1],
          values: () => ["−1", "0", "+1"] },
      ],
      series: [
        {},
        {
          label: "valence",
          stroke: () => this.colour("--ink"),
          width: 1.5,
          points: { size: 5, fill: () => this.colour("--ink") },
        },
      ],
      hooks: { draw: [(plot) => this.paintBand(plot)] },
    };
  }

  /** One box a turn, in the colour of its emotion; with its symbol where there is room. */
  private paintBand({ ctx, bbox, scales, valToPos }: uPlot): void {
    const ratio = devicePixelRatio;
    const { min, max } = scales["x"]!;
    if (min == null || max == null) return;
    const top = bbox.top + bbox.height + 3 * ratio;
    ctx.save();
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let i = this.stream.turns.length - 1; i >= 0; i--) {
      const { said } = this.stream.turns[i]!;
      if (said.start_s > max) continue;
      if (said.end_s < min) break;
      const left = Math.max(valToPos(said.start_s, "x", true), bbox.left);
      const right = Math.min(valToPos(said.end_s, "x", true), bbox.left + bbox.width);
      const width = Math.max(right - left, 1);
      const look = lookOf(this.looks, said.emotion);
      ctx.fillStyle = dark.matches ? look.on_dark : look.on_light;
      ctx.fillRect(left, top, width, BAND * ratio);
      if (width > ROOM_FOR_SYMBOL * ratio) {
        ctx.fillStyle = dark.matches ? "#1a1a1b" : "#ffffff";
        ctx.fillText(look.symbol, left + width / 2, top + (BAND / 2 + 0.5) * ratio);
      }
    }
    ctx.restore();
  }
}
