import { useEffect, useReducer } from "preact/hooks";

import type { Changes } from "./changes";

/** Draw again when something has changed. */
export function useChanges(changes: Changes): void {
  const [, again] = useReducer((count: number, _: void) => count + 1, 0);
  useEffect(() => {
    again(); // what changed between drawing and listening
    return changes.listen(() => again());
  }, [changes]);
}
