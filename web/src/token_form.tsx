import { useState } from "preact/hooks";

import { token } from "./token";
import type { Watch } from "./watch";

/** Asks for the token of the server. */
export function TokenForm({ watch }: { watch: Watch }) {
  const [value, setValue] = useState("");
  const wrong = token.get() !== null;
  const submit = (event: Event) => {
    event.preventDefault();
    token.set(value.trim());
    watch.again();
  };
  return (
    <section class="nothing" aria-labelledby="token-title">
      <h2 id="token-title">This server asks for its token</h2>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={value}
            aria-invalid={wrong}
            aria-describedby="token-help"
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Connect</button>
      </form>
      {wrong && (
        <p class="trouble" role="alert">
          The server refused that token.
        </p>
      )}
      <p id="token-help" class="quiet">
        It stands in the <code>--token-file</code> that the server was given, and is forgotten when this tab is closed.
      </p>
    </section>
  );
}
