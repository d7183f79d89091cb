// Valence over time as a line, emotions as a band beneath it; follows the conversation.

import uPlot from "uplot";

import { lookOf } from "./looks";
import type { Look } from "./protocol";
import type { Stream } from "./streams";
import { clock } from "./wording";

const BAND = 14;
const SHORTEST_SPAN_S = 60;
const BETWEEN_CHARTS_MS = 100;
const ROOM_FOR_SYMBOL = 11;

const dark = matchMedia("(prefers-color-scheme: dark)");

interface Theme {
  ink: string;
  quiet: string;
  line: string;
  accent: string;
}

let themed: Theme | null = null;
dark.addEventListener("change", () => (themed = null));

/** The colours of the style sheet; asking for them at every stroke would be slow. */
function theme(): Theme {
  if (themed === null) {
    const style = getComputedStyle(document.documentElement);
    const [ink, quiet, line, accent] = ["ink", "quiet", "line", "accent"].map((name) => style.getPropertyValue(`--${name}`));
    themed = { ink: ink!, quiet: quiet!, line: line!, accent: accent! };
  }
  return themed;
}

function sizeOf(place: HTMLElement): { width: number; height: number } {
  return { width: place.clientWidth, height: place.clientHeight };
}

const waiting = new Set<Timeline>();
let timer = 0;

/** Draw one chart after the other, never two in a frame: with many streams each follows a little later. */
function inTurn(timeline: Timeline): void {
  waiting.add(timeline);
  if (timer !== 0) return;
  timer = window.setInterval(() => {
    const [first] = waiting;
    if (first === undefined) {
      clearInterval(timer);
      timer = 0;
      return;
    }
    waiting.delete(first);
    first.draw();
  }, BETWEEN_CHARTS_MS);
}

export class Timeline {
  private readonly plot: uPlot;
  private readonly stops: (() => void)[];
  private span = 600;
  private seen = false;

  constructor(
    private readonly place: HTMLElement,
    private readonly stream: Stream,
    private readonly looks: Record<string, Look>,
  ) {
    this.plot = new uPlot(this.options(), [[], []], place);
    const sized = new ResizeObserver(() => this.plot.setSize(sizeOf(place)));
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
    waiting.delete(this);
    for (const stop of this.stops) stop();
    this.plot.destroy();
  }

  private soon(): void {
    if (this.seen) inTurn(this);
  }

  draw(): void {
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


  private options(): uPlot.Options {
    const ink = () => theme().quiet;
    const grid = { stroke: () => theme().line, width: 1 };
    const font = "11px system-ui, sans-serif";
    return {
      ...sizeOf(this.place),
      padding: [6, 16, 2, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: [-1.05, 1.05] } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: { show: false }, size: BAND + 24, gap: BAND + 8, font,
          values: (_, splits) => splits.map(clock) },
        { stroke: ink, grid, ticks: { show: false }, size: 26, font, splits: () => [-1, 0, 1],
          values: () => ["−1", "0", "+1"] },
      ],
      series: [
        {},
        {
          label: "valence",
          stroke: () => theme().ink,
          width: 1.5,
          points: { size: 5, fill: () => theme().ink },
        },
      ],
      hooks: { draw: [(plot) => this.paintBand(plot)] },
    };
  }

  /** One box a turn, in the colour of its emotion, with its symbol where there is room; marks as lines. */
  private paintBand({ ctx, bbox, scales, valToPos }: uPlot): void {
    const ratio = devicePixelRatio;
    const { min, max } = scales["x"]!;
    if (min == null || max == null) return;
    const top = bbox.top + bbox.height + 3 * ratio;
    ctx.save();
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    let painted = Infinity; // leftmost pixel so far: what is too narrow to be seen beside it is left out
    for (let i = this.stream.turns.length - 1; i >= 0; i--) {
      const { said } = this.stream.turns[i]!;
      if (said.start_s > max) continue;
      if (said.end_s < min) break;
      const left = Math.max(valToPos(said.start_s, "x", true), bbox.left);
      const right = Math.min(valToPos(said.end_s, "x", true), bbox.left + bbox.width);
      if (Math.floor(left) >= painted) continue;
      painted = Math.floor(left);
      const width = Math.max(right - left, 1);
      const look = lookOf(this.looks, said.emotion);
      ctx.fillStyle = dark.matches ? look.on_dark : look.on_light;
      ctx.fillRect(left, top, width, BAND * ratio);
      if (width > ROOM_FOR_SYMBOL * ratio) {
        ctx.fillStyle = dark.matches ? "#1a1a1b" : "#ffffff";
        ctx.fillText(look.symbol, left + width / 2, top + (BAND / 2 + 0.5) * ratio);
      }
    }
    ctx.fillStyle = theme().accent;
    for (const mark of this.stream.marks) {
      if (mark >= min && mark <= max) ctx.fillRect(valToPos(mark, "x", true), bbox.top, ratio, bbox.height);
    }
    ctx.restore();
  }
}
