import { SPANS, type Span } from "./app";
import { useChanges } from "./hooks";
import { impossible, type Microphone } from "./microphone";
import type { Watch, WatchState } from "./watch";

interface Props {
  watch: Watch;
  microphone: Microphone;
  span: Span;
  setSpan: (span: Span) => void;
  announcing: boolean;
  setAnnouncing: (on: boolean) => void;
}

export function Header({ watch, microphone, span, setSpan, announcing, setAnnouncing }: Props) {
  return (
    <header>
      <div class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 19c3 0 4-8 7-8s3 12 6 12 3-16 6-16 3 9 7 9" />
        </svg>
        <span>MERITS Live</span>
        <span class={`link ${stateClass(watch.state)}`} role="status">
          {stateWords(watch.state)}
        </span>
      </div>
      <MicrophoneControl microphone={microphone} />
      <div class="tools">
        <fieldset class="spans">
          <legend class="unseen">How much the timelines show</legend>
          {(Object.keys(SPANS) as Span[]).map((each) => (
            <label key={each}>
              <input type="radio" name="span" checked={each === span} onChange={() => setSpan(each)} />
              <span>{each}</span>
            </label>
          ))}
        </fieldset>
        <label class="announce">
          <input
            type="checkbox"
            checked={announcing}
            onChange={(event) => setAnnouncing(event.currentTarget.checked)}
          />
          <span>
            Tell screen readers<span class="more-words"> of turns</span>
          </span>
        </label>
      </div>
    </header>
  );
}

function MicrophoneControl({ microphone }: { microphone: Microphone }) {
  useChanges(microphone.changes);
  const { state } = microphone;
  const off = state === "off";
  const label = {
    off: "Use my microphone",
    starting: "Starting…",
    on: "Stop microphone",
    asleep: "Go on listening",
    stopping: "Finishing…",
  }[state];
  const trouble = impossible ?? microphone.problem;
  return (
    <form
      class="microphone"
      onSubmit={(event) => {
        event.preventDefault();
        void microphone.toggle();
      }}
    >
      <button
        type="submit"
        class={state === "on" ? "recording" : ""}
        disabled={impossible !== null || state === "starting" || state === "stopping"}
      >
        <span class="dot" aria-hidden="true" />
        {label}
      </button>
      <label>
        <span>as</span>
        <input
          name="stream"
          value={microphone.name}
          disabled={!off}
          required
          maxLength={64}
          pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
          title="Letters, digits, '.', '_' or '-', a letter or digit first"
          aria-label="Name of your stream"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            microphone.name = event.currentTarget.value;
          }}
        />
      </label>
      <p class="trouble" role="status">
        {trouble}
      </p>
    </form>
  );
}

function stateWords(state: WatchState): string {
  if (typeof state === "object") return state.refused;
  return { connecting: "connecting…", connected: "connected", token: "token needed", lost: "connection lost, trying again" }[
    state
  ];
}

function stateClass(state: WatchState): string {
  return state === "connected" ? "good" : state === "connecting" ? "" : "bad";
}
