/** In place of a page where the server asks for a token: it is tried before it is kept. */
import { useEffect, useRef, useState } from "preact/hooks";
import { giveToken } from "../ask";
import { Icon } from "../parts/words";

export function Gate() {
  const [refused, refuse] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Token · apim-bridge";
    field.current?.focus();
  }, []);
  const give = async (event: SubmitEvent) => {
    event.preventDefault();
    const failure = await giveToken(field.current?.value ?? "");
    refuse(failure ? (failure.status === 401 ? "This token is not known here." : `${failure.error} ${failure.cure ?? ""}`) : "");
    if (failure) field.current?.select();
  };
  return (
    <main class="page">
      <div class="say first gate">
        <h1><Icon name="lock" />This dashboard needs a token, or your key</h1>
        <form onSubmit={(event) => void give(event)}>
          <input hidden autocomplete="username" />
          <input ref={field} class="field" type="password" autocomplete="off" aria-label="Token or key" aria-invalid={refused !== ""} required />
          <button class="btn solid">Open</button>
        </form>
        <p class="ink5xx" role="alert">{refused}</p>
        <p class="small faint">Who runs the bridge gives it: the configuration has its SHA-256 in [bridge.analytics.tokens]. It needs the scopes read:data and, for Events, read:events. An API Analytics key opens the calls that came with it. It is kept for this tab alone.</p>
      </div>
    </main>
  );
}
