/** Text that is taken away: shown whole, selected by a click, copied by a button that says so. */
import { useState } from "preact/hooks";
import { Icon } from "./words";

export function CopyButton({ text, words, small = false }: { text: string; words: string; small?: boolean }) {
  const [done, put] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    put(true);
    setTimeout(() => put(false), 1500);
  };
  return (
    <button type="button" class={`btn ${small ? "tight" : "edge"}`} title={words} aria-label={words} onClick={() => void copy()}>
      <Icon name={done ? "check" : "copy"} />
      {!small && (done ? "Copied" : "Copy")}
      <span class="sr" role="status">{done ? "copied" : ""}</span>
    </button>
  );
}

export function Copied({ text, label, lines = 1 }: { text: string; label: string; lines?: number }) {
  return (
    <div class="copied">
      {lines > 1 ? (
        <textarea class="field mono" readOnly rows={lines} aria-label={label} value={text} onFocus={(event) => event.currentTarget.select()} />
      ) : (
        <input class="field mono" readOnly aria-label={label} value={text} onFocus={(event) => event.currentTarget.select()} />
      )}
      <CopyButton text={text} words={`Copy: ${label}`} />
    </div>
  );
}
