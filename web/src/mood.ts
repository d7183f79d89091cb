// What valence and arousal are called together: the words come from the server, the same as in every other view.

import { createContext } from "preact";

import type { Moods as Table, TurnJudged } from "./protocol";

export const Moods = createContext<Table>({ even_within: 0, sides: {} });

/** The mood of a turn; null where its arousal is unknown. */
export function moodOf(moods: Table, { valence, arousal }: TurnJudged): string | null {
  if (arousal === null) return null;
  const even = Math.hypot(valence, arousal) <= moods.even_within;
  const side = even ? [0, 0] : [valence >= 0 ? 1 : -1, arousal >= 0 ? 1 : -1];
  return Object.entries(moods.sides).find(([, [x, y]]) => x === side[0] && y === side[1])?.[0] ?? null;
}
