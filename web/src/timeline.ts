// Valence over time as a line, emotions as a band beneath it; follows the conversation.

import uPlot from "uplot";

import { lookOf } from "./looks";
import type { Look, TurnJudged } from "./protocol";
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

/** What the line is, under where it goes. */
function nameAxis({ ctx, bbox, valToPos }: uPlot): void {
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.fillStyle = theme().quiet;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.fillText("valence", bbox.left + 4 * ratio, valToPos(1, "y", true) + 3 * ratio);
  ctx.restore();
}

export class Timeline {
  private readonly plot: uPlot;
  private readonly stops: (() => void)[];
  /** What the band shows, in order of beginning. */
  private band: TurnJudged[] = [];
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
    // Where speakers overlap, turns are not in order of time, which uPlot relies on.
    const points = turns.map(({ said }) => [(said.start_s + said.end_s) / 2, said.valence] as const);
    points.sort(([a], [b]) => a - b);
    this.band = turns.map(({ said }) => said).sort((a, b) => a.start_s - b.start_s);
    const to = Math.max(reached, SHORTEST_SPAN_S);
    const from = Math.max(0, to - this.span);
    this.plot.batch(() => {
      this.plot.setData([points.map(([time]) => time), points.map(([, valence]) => valence)], false);
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
      hooks: { drawAxes: [nameAxis], draw: [(plot) => this.paintBand(plot)] },
    };
  }

  /**
   * One box a turn, in the colour of its emotion, with its symbol where there is room; marks as lines.
   * Later boxes lie on earlier ones: of who is interrupted, what comes before and after it is seen.
   */
  private paintBand({ ctx, bbox, scales, valToPos }: uPlot): void {
    const ratio = devicePixelRatio;
    const { min, max } = scales["x"]!;
    if (min == null || max == null) return;
    const top = bbox.top + bbox.height + 3 * ratio;
    ctx.save();
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const boxes: { left: number; width: number; seen: number; look: Look }[] = [];
    let taken = Infinity; // leftmost pixel so far: what is too narrow to be seen beside it is left out
    for (let i = this.band.length - 1; i >= 0; i--) {
      const said = this.band[i]!;
      if (said.start_s > max || said.end_s < min) continue;
      const left = Math.max(valToPos(said.start_s, "x", true), bbox.left);
      const right = Math.min(valToPos(said.end_s, "x", true), bbox.left + bbox.width);
      const width = Math.max(right - left, 1);
      if (Math.floor(left) >= taken && width < 2) continue;
      boxes.push({ left, width, seen: Math.min(width, taken - left), look: lookOf(this.looks, said.emotion) });
      taken = Math.floor(left);
    }
    for (const { left, width, seen, look } of boxes.reverse()) {
      ctx.fillStyle = dark.matches ? look.on_dark : look.on_light;
      ctx.fillRect(left, top, width, BAND * ratio);
      if (seen > ROOM_FOR_SYMBOL * ratio) {
        ctx.fillStyle = dark.matches ? "#1a1a1b" : "#ffffff";
        ctx.fillText(look.symbol, left + seen / 2, top + (BAND / 2 + 0.5) * ratio);
      }
    }
    ctx.fillStyle = theme().accent;
    for (const mark of this.stream.marks) {
      if (mark >= min && mark <= max) ctx.fillRect(valToPos(mark, "x", true), bbox.top, ratio, bbox.height);
    }
    ctx.restore();
  }
}
