import { useState } from "preact/hooks";

import { Announcer } from "./announcer";
import { Header } from "./header";
import { useChanges } from "./hooks";
import { Looks } from "./looks";
import type { Microphone } from "./microphone";
import { Moods } from "./mood";
import { Panel } from "./panel";
import type { Streams } from "./streams";
import { TokenForm } from "./token_form";
import type { Watch } from "./watch";

/** How much of a conversation the timelines show, in seconds. */
export const SPANS = { "2 min": 120, "10 min": 600, all: Infinity };
export type Span = keyof typeof SPANS;

interface Props {
  streams: Streams;
  watch: Watch;
  microphone: Microphone;
}

export function App({ streams, watch, microphone }: Props) {
  useChanges(streams.changes);
  useChanges(watch.changes);
  const [span, setSpan] = useState<Span>("10 min");
  const [announcing, setAnnouncing] = useState(true);
  const list = streams.list();
  return (
    <Looks.Provider value={streams.looks}>
      <a class="skip" href="#streams">
        Skip to the streams
      </a>
      <Header {...{ watch, microphone, span, setSpan, announcing, setAnnouncing }} />
      <main id="streams" tabIndex={-1} class={list.length === 1 ? "single" : ""}>
        <h1 class="unseen">Streams</h1>
        {watch.state === "token" && <TokenForm watch={watch} />}
        <Moods.Provider value={streams.moods}>
          {list.map((stream) => (
            <Panel key={`${stream.name} ${stream.session}`} stream={stream} span={SPANS[span]} />
          ))}
        </Moods.Provider>
        {streams.ready && list.length === 0 && <Nothing />}
      </main>
      <Announcer streams={streams} on={announcing} />
    </Looks.Provider>
  );
}

function Nothing() {
  return (
    <section class="nothing" aria-labelledby="nothing">
      <h2 id="nothing">No one is streaming yet</h2>
      <p>
        Press <strong>Use my microphone</strong>, or send a recording: <code>python examples/client.py talk.wav</code>
      </p>
      <p class="quiet">What is shown here is a model’s guess at how speech sounds and reads, not what a person feels.</p>
    </section>
  );
}
