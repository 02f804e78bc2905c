/** What a panel says when it has no figures: waiting, nothing, not working. It keeps its height. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { refresh, type Asked, type Failure } from "../ask";
import { NotExact } from "./near";
import { Mark } from "./words";

/** True once something has taken longer than a moment, so that a quick answer shows no waiting at all. */
export function useLater(waits: boolean, milliseconds: number): boolean {
  const [late, put] = useState(false);
  useEffect(() => {
    put(false);
    if (!waits) return undefined;
    const timer = setTimeout(() => put(true), milliseconds);
    return () => clearTimeout(timer);
  }, [waits, milliseconds]);
  return waits && late;
}

export function Failed({ failure }: { failure: Failure }) {
  return (
    <div class="say" role="alert">
      <p>
        <Mark kind="5xx" />
        {failure.error}
      </p>
      {failure.cure && <p>{failure.cure}</p>}
      <div class="acts-line">
        <button class="btn edge" onClick={refresh}>Try again</button>
      </div>
    </div>
  );
}

export function Nothing({ children }: { children: ComponentChildren }) {
  return <p class="none">{children}</p>;
}

/** Rows of the final height in place of a list that is on its way. */
export function Rows({ count, waits }: { count: number; waits: boolean }) {
  const seen = useLater(waits, 150);
  return (
    <div class="sk-rows" aria-hidden="true">
      {Array.from({ length: count }, (_, at) => (
        <div key={at}>{seen && <i class={`sk sk-${at % 5}`} />}</div>
      ))}
    </div>
  );
}

/** A panel's body: the failure, what waits, or the figures, paler while they are old. */
export function Panel({ asked, rows = 8, children }: { asked: Asked; rows?: number; children: (answer: NonNullable<Asked["answer"]>) => ComponentChildren }) {
  if (asked.failure && !asked.answer) return <Failed failure={asked.failure} />;
  if (!asked.answer) return <Rows count={rows + 1} waits={asked.waits} />;
  return <NotExact.Provider value={asked.answer.approximate}>{children(asked.answer)}</NotExact.Provider>;
}
