import { useContext, useEffect, useRef } from "preact/hooks";

import { Looks } from "./looks";
import type { Stream } from "./streams";
import { Timeline } from "./timeline";
import { signed } from "./wording";

/** The timeline, and what it shows in words. */
export function TimelineView({ stream, span }: { stream: Stream; span: number }) {
  const looks = useContext(Looks);
  const place = useRef<HTMLDivElement>(null);
  const timeline = useRef<Timeline | null>(null);
  useEffect(() => {
    const drawn = (timeline.current = new Timeline(place.current!, stream, looks));
    return () => drawn.destroy();
  }, [stream, looks]);
  useEffect(() => timeline.current?.show(span), [stream, looks, span]);
  return <div ref={place} class="timeline" role="img" aria-label={inWords(stream, span)} />;
}

function inWords(stream: Stream, span: number): string {
  const since = stream.reached - span;
  const turns = stream.turns.filter(({ said }) => said.end_s >= since);
  if (turns.length === 0) return "Timeline: no turns yet";
  const counts = new Map<string, number>();
  for (const { said } of turns) counts.set(said.emotion, (counts.get(said.emotion) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  const values = turns.map(({ said }) => said.valence);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return (
    `Timeline of ${turns.length} turns: valence now ${signed(values.at(-1)!)}, ` +
    `on average ${signed(mean)}; mostly ${most![0]}`
  );
}
