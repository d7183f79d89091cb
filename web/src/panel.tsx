import { memo } from "preact/compat";
import { useContext, useEffect, useRef } from "preact/hooks";

import { Circumplex } from "./circumplex";
import { useChanges } from "./hooks";
import { colours, Emotion, lookOf, Looks } from "./looks";
import { moodOf, Moods } from "./mood";
import type { Stream } from "./streams";
import { TimelineView } from "./timeline_view";
import { Transcript } from "./transcript";
import { clock, percent, signed } from "./wording";

/** One stream. */
export const Panel = memo(function Panel({ stream, span }: { stream: Stream; span: number }) {
  useChanges(stream.changes);
  const title = `stream-${stream.name}`;
  const count = stream.turns.length;
  return (
    <section class={`panel ${stream.ended === null ? "" : "ended"}`} aria-labelledby={title} data-stream={stream.name}>
      <div class="top">
        <h2 id={title}>{stream.name}</h2>
        <span class="state">
          {stream.ended === null ? "live" : "ended"} · {count === 1 ? "1 turn" : `${count} turns`} ·{" "}
          {clock(stream.reached)}
        </span>
        <LevelMeter stream={stream} />
      </div>
      <div class="troubles" role="status">
        {stream.troubles.map((each) => (
          <p key={each} class="trouble">
            {each}
          </p>
        ))}
      </div>
      <Now stream={stream} />
      <div class="course">
        <TimelineView stream={stream} span={span} />
        <Circumplex stream={stream} />
      </div>
      <Transcript stream={stream} />
    </section>
  );
});

/** The emotion of the newest turn: while someone speaks, what it seems to be so far. */
function Now({ stream }: { stream: Stream }) {
  const looks = useContext(Looks);
  const moods = useContext(Moods);
  const said = stream.newest?.said;
  const soFar = [...stream.speaking.values()].findLast((turn) => turn.type === "turn.partial");
  const emotion = soFar?.emotion ?? said?.emotion;
  const mood = soFar === undefined && said !== undefined ? moodOf(moods, said) : null;
  if (emotion === undefined) {
    return <p class="now waiting">{stream.ended === null ? "Listening for the first turn…" : "No turns."}</p>;
  }
  const shares: [string, number][] =
    soFar !== undefined
      ? [[soFar.emotion, soFar.confidence]] // of the others nothing is known yet
      : Object.entries(said?.probabilities ?? {}).sort(([, a], [, b]) => b - a);
  return (
    <div class="now" style={colours(lookOf(looks, emotion))}>
      <span class="chip" aria-hidden="true">
        {lookOf(looks, emotion).symbol}
      </span>
      <div class="verdict">
        <p class="name">
          {emotion}
          {soFar !== undefined && <span class="so-far"> so far</span>}
        </p>
        <p class="quiet figures">
          <span>{percent(soFar?.confidence ?? said?.confidence ?? 0)}</span>
          {mood !== null && <span>{mood}</span>}
          {soFar === undefined && said !== undefined && <span>valence {signed(said.valence)}</span>}
        </p>
      </div>
      {shares.length > 0 && (
        <ol class="shares" aria-label="The likeliest emotions">
          {shares.slice(0, 3).map(([label, share]) => (
            <li key={label} style={colours(lookOf(looks, label))}>
              <Emotion name={label} />
              <span class="bar" aria-hidden="true">
                <span style={{ transform: `scaleX(${share})` }} />
              </span>
              <span class="share">{percent(share)}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

const QUIETEST_DBFS = -60;
const LOUD_DBFS = -9;

/** How loud it is; drawn past Preact, a few times a second. */
function LevelMeter({ stream }: { stream: Stream }) {
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const draw = () => {
      const { dbfs } = stream;
      const share = dbfs === null ? 0 : Math.min(1, Math.max(0, 1 - dbfs / QUIETEST_DBFS));
      const element = meter.current!;
      element.style.setProperty("--level", share.toFixed(3));
      element.classList.toggle("loud", dbfs !== null && dbfs > LOUD_DBFS);
      element.setAttribute("aria-valuenow", String(Math.round(share * 100)));
      element.setAttribute("aria-valuetext", dbfs === null ? "no sound" : `${Math.round(dbfs)} dB`);
    };
    draw();
    return stream.levels.listen(draw);
  }, [stream]);
  return (
    <div
      ref={meter}
      class="level"
      role="meter"
      aria-label={`Level of ${stream.name}`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    >
      <span />
    </div>
  );
}
