import { useContext } from "preact/hooks";

import { colours, lookOf, Looks } from "./looks";
import { moodOf, Moods } from "./mood";
import type { TurnJudged } from "./protocol";
import type { Stream } from "./streams";
import { signed } from "./wording";

const TRAIL = 12;
const FAINTEST = 0.3;

/** The latest turns by valence, to the right, and arousal, upwards: the newest is the strongest. */
export function Circumplex({ stream }: { stream: Stream }) {
  const moods = useContext(Moods);
  const looks = useContext(Looks);
  const trail = stream.turns
    .slice(-TRAIL)
    .filter(({ said }) => said.arousal !== null)
    .map(({ said }) => ({ said, x: 100 * said.valence, y: -100 * said.arousal!, mood: moodOf(moods, said) }));
  const newest = trail.at(-1);
  if (newest === undefined && stream.turns.length > 0) return null; // of a version without arousal
  const opacity = (i: number) => FAINTEST + ((1 - FAINTEST) * (i + 1)) / trail.length;
  return (
    <svg class="circumplex" viewBox="-112 -112 224 224" role="img" aria-label={inWords(trail)}>
      <circle class="middle" r={100 * moods.even_within} />
      <path class="axes" d="M-108 0H108M0-108V108" />
      {Object.entries(moods.sides).map(
        ([name, [x, y]]) =>
          x !== 0 && (
            <text
              key={name}
              class={name === newest?.mood ? "corner current" : "corner"}
              x={108 * x}
              y={-100 * y + 6}
              text-anchor={x > 0 ? "end" : "start"}
            >
              {name}
            </text>
          ),
      )}
      {trail.slice(1).map(({ x, y }, i) => (
        <line key={i} class="way" x1={trail[i]!.x} y1={trail[i]!.y} x2={x} y2={y} opacity={opacity(i + 1)} />
      ))}
      {trail.map(({ said, x, y }, i) => (
        <circle
          key={said.turn}
          class="said"
          cx={x}
          cy={y}
          r={said === newest?.said ? 15 : 7}
          opacity={opacity(i)}
          style={colours(lookOf(looks, said.emotion))}
        />
      ))}
      {newest !== undefined && (
        <text class="symbol" x={newest.x} y={newest.y} dy={7} text-anchor="middle">
          {lookOf(looks, newest.said.emotion).symbol}
        </text>
      )}
    </svg>
  );
}

function inWords(trail: { said: TurnJudged; mood: string | null }[]): string {
  const [first, newest] = [trail[0], trail.at(-1)];
  if (first === undefined || newest === undefined) return "Mood: no turns yet";
  const before = trail.length - 1;
  return (
    `Mood: ${newest.mood} now, valence ${signed(newest.said.valence)}, arousal ${signed(newest.said.arousal!)}` +
    (before === 0 ? "" : `; ${first.mood} ${before === 1 ? "a turn" : `${before} turns`} before`)
  );
}
