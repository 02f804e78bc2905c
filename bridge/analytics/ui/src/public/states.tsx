/** What stands in place of a view: it is on its way, it is shut, or there is nothing in it yet. Each says why, and what to do. */
import { useEffect, useRef, useState } from "preact/hooks";
import { address, link } from "../address";
import { bounds, now } from "../ask";
import { CHOICES, resolve } from "../period";
import { periodWords } from "../over";
import { Icon, Mark } from "../parts/words";
import { open, unlock, workspace, type Shut } from "./workspace";

const WORDS: Record<Shut["why"], [title: string, more: string]> = {
  waiting: ["This view waits for its token.", "The page around it brings one. If nothing comes, load that page again."],
  wrong: ["This link opens nothing any more.", "It has expired, it was taken back, or it is not whole. Ask whoever gave it to you for a new one."],
  password: ["This view needs a password.", "Whoever gave you the link has it."],
  failed: ["This view cannot be shown now.", ""],
};

export function ShutView({ shut }: { shut: Shut }) {
  const [title, more] = WORDS[shut.why];
  const again = shut.failure?.after;
  useEffect(() => {
    document.title = title;
    if (shut.why !== "failed") return undefined;
    // A view that stands on a wall comes back by itself.
    const timer = setTimeout(() => void open(), Math.max(5, again ?? 30) * 1000);
    return () => clearTimeout(timer);
  }, [shut]);
  if (shut.why === "password") return <Password />;
  return (
    <main class="shut">
      <div class="say" role={shut.why === "waiting" ? "status" : "alert"}>
        <p><Mark kind={shut.why === "failed" ? "5xx" : "off"} />{title}</p>
        <p>{more || `${shut.failure?.error ?? ""} ${shut.failure?.status === 0 ? "" : (shut.failure?.cure ?? "")}`}</p>
        {shut.why === "failed" && (
          <div class="acts-line">
            <button class="btn edge" onClick={() => void open()}>Try again</button>
            <span class="small faint">Tries by itself {again ? `in ${Math.max(5, again)} s` : "every 30 s"}</span>
          </div>
        )}
      </div>
    </main>
  );
}

function Password() {
  const field = useRef<HTMLInputElement>(null);
  const [refused, refuse] = useState("");
  const [busy, wait] = useState(false);
  useEffect(() => field.current?.focus(), []);
  const give = async (event: SubmitEvent) => {
    event.preventDefault();
    const typed = field.current?.value ?? "";
    wait(true);
    const failure = await unlock(typed);
    wait(false);
    refuse(failure === null ? "" : failure.status === 403 ? "That is not it." : `${failure.error} ${failure.cure ?? ""}`);
    field.current?.select();
  };
  return (
    <main class="shut">
      <form class="say" onSubmit={(event) => void give(event)}>
        <h1><Icon name="lock" />{WORDS.password[0]}</h1>
        <p>{WORDS.password[1]}</p>
        <p class="chips"><input hidden autocomplete="username" /><input ref={field} class="field" type="password" autocomplete="current-password" aria-label="Password" aria-invalid={refused !== ""} required /><button class="btn solid" disabled={busy}>Open</button></p>
        <p class="ink5xx small" role="alert">{refused || "\u00a0"}</p>
      </form>
    </main>
  );
}

/** No call in the view: the filters leave none, or nobody has called. */
export function NothingHere() {
  const { filters, zone } = address.value;
  const { earliest } = bounds.value;
  const longer = workspace.value?.mayChangePeriod
    ? CHOICES.filter(({ from }) => ["-7d", "-30d"].includes(from) && from !== address.value.from && (earliest === null || resolve(from, "now", now.value, zone).from >= earliest))
    : [];
  return (
    <div class="say first">
      <p>{filters.length > 0 ? `No call of the ${periodWords()} matches the filters.` : `No calls in the ${periodWords()}.`}</p>
      <p>{filters.length > 0 ? "Take one of them away to see more." : "When the first one comes, it is shown here."}</p>
      <div class="acts-line">
        {filters.length > 0 && <a class="btn edge" href={link({ filters: [] })}>Clear all filters</a>}
        {longer.map(({ from, label }) => <a key={from} class="btn edge" href={link({ from, to: "now" })}>{label}</a>)}
      </div>
    </div>
  );
}
