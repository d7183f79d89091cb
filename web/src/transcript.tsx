import { memo } from "preact/compat";
import { useContext, useState } from "preact/hooks";

import { Emotion } from "./looks";
import { moodOf, Moods } from "./mood";
import type { TurnPartial } from "./protocol";
import type { Stream, Turn } from "./streams";
import { clock, percent, signed, words } from "./wording";

/** Turns drawn at once; older ones are a button away, so that a long conversation stays light. */
const SHOWN = 40;

export function Transcript({ stream }: { stream: Stream }) {
  /** The first turn shown; null: always the newest. */
  const [from, setFrom] = useState<number | null>(null);
  const newest = Math.max(0, stream.turns.length - SHOWN);
  const first = from === null ? newest : Math.min(from, newest);
  const shown = stream.turns.slice(first, first + SHOWN);
  const go = (to: number) => setFrom(to >= newest ? null : Math.max(0, to));
  return (
    <div class="transcript">
      <div class="scroll" tabIndex={0} role="region" aria-label={`Turns of ${stream.name}`}>
        <ol>
          {first > 0 && (
            <li class="more">
              <button type="button" onClick={() => go(first - SHOWN)}>
                {first} earlier {first === 1 ? "turn" : "turns"}
              </button>
            </li>
          )}
          {shown.map((turn) => (
            <TurnView key={turn.said.turn} turn={turn} />
          ))}
          {first < newest ? (
            <li class="more">
              <button type="button" onClick={() => go(first + SHOWN)}>
                Later turns
              </button>
              <button type="button" onClick={() => setFrom(null)}>
                Newest
              </button>
            </li>
          ) : (
            [...stream.speaking.values()].map((turn) => (
              <li key={`speaking ${turn.turn}`} class="speaking">
                <time>{clock(turn.start_s)}</time>
                <div>
                  <p class="head">
                    {turn.speaker !== null && <span class="speaker">{turn.speaker}</span>}
                    {turn.type === "turn.partial" ? <Emotion name={turn.emotion} /> : <span class="quiet">speaking</span>}
                  </p>
                  <p class="words">
                    {turn.type === "turn.partial" && <WordsSoFar turn={turn} />}{" "}
                    <span class="dots" aria-hidden="true">…</span>
                  </p>
                </div>
              </li>
            ))
          )}
        </ol>
      </div>
    </div>
  );
}

function WordsSoFar({ turn: { text, committed } }: { turn: TurnPartial }) {
  return (
    <>
      {committed}
      <span class="tentative">{text?.slice(committed?.length ?? 0)}</span>
    </>
  );
}

const TurnView = memo(
  function TurnView({ turn: { said, was } }: { turn: Turn }) {
    const mood = moodOf(useContext(Moods), said);
    return (
      <li class={said.revision > 0 ? "revised" : ""}>
        <time>{clock(said.start_s)}</time>
        <div key={said.revision} class="body">
          <p class="head">
            {said.speaker !== null && <span class="speaker">{said.speaker}</span>}
            <Emotion name={said.emotion} />
            <span class="quiet" title={mood === null ? "confidence · valence" : "confidence · valence · mood"}>
              {percent(said.confidence)} · {signed(said.valence)}
              {mood !== null && ` · ${mood}`}
            </span>
            {said.revision > 0 && (
              <span class="revision">
                {was === null ? "revised" : "was "}
                {was !== null && <s>{was}</s>}
              </span>
            )}
          </p>
          <p class={said.text ? "words" : "words quiet"}>{words(said.text)}</p>
        </div>
      </li>
    );
  },
  (before, after) => before.turn === after.turn,
);
