import { useEffect, useState } from "preact/hooks";

import type { Streams } from "./streams";
import { words } from "./wording";

const AT_MOST_EVERY_MS = 3_000;

/** Tells screen readers of turns: the newest, and how many it skipped, so that it never falls behind. */
export function Announcer({ streams, on }: { streams: Streams; on: boolean }) {
  const [text, setText] = useState("");
  useEffect(() => {
    if (!on) {
      setText("");
      return;
    }
    let newest = "";
    let count = 0;
    streams.onTurn = (turn) => {
      const who = turn.speaker ?? turn.stream;
      newest = `${who}: ${turn.emotion}. ${words(turn.text)}`;
      count += 1;
    };
    const timer = setInterval(() => {
      if (count > 0) setText(count > 1 ? `${count} turns. ${newest}` : newest);
      count = 0;
    }, AT_MOST_EVERY_MS);
    return () => {
      clearInterval(timer);
      streams.onTurn = () => {};
    };
  }, [streams, on]);
  return (
    <p class="unseen" aria-live="polite">
      {text}
    </p>
  );
}
