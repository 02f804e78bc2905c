/** A chart as the table of its figures, for those who read numbers or hear them: a button, the key `t`, and the table. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon } from "./words";

export interface Tabled {
  on: boolean;
  button: ComponentChildren;
  /** Of the chart that the table takes the place of, in pixels. */
  height: number;
}

/** Whether a chart is shown as a table; `label` says which for a screen reader. */
export function useTable(label: string): Tabled {
  const [on, put] = useState(false);
  const [height, keep] = useState(0);
  const button = useRef<HTMLButtonElement>(null);
  const turn = () => {
    const plot = button.current?.closest(".plot");
    if (!on) keep(plot?.getBoundingClientRect().height ?? 0);
    put(!on);
    // What had the focus goes away with the chart or the table; the button is in both.
    if (plot?.contains(document.activeElement)) requestAnimationFrame(() => button.current?.focus());
  };
  return {
    on,
    height,
    button: (
      <button type="button" class="btn tight as-table" ref={button} aria-pressed={on} title={on ? "As a chart (t)" : "As a table (t)"} aria-label={`As a table: ${label}`} onClick={turn}>
        <Icon name="table" />
      </button>
    ),
  };
}

interface TableOfProps {
  label: string;
  button: ComponentChildren;
  height: number;
  head: ComponentChildren;
  rows: ComponentChildren;
}

/** The table scrolls in the room that the chart had, so that nothing below it moves. */
export function TableOf({ label, button, height, head, rows }: TableOfProps) {
  const [copied, say] = useState(false);
  const box = useRef<HTMLTableElement>(null);
  const copy = async () => {
    const lines = [...(box.current?.rows ?? [])].map((row) => [...row.cells].map((cell) => cell.innerText.trim()).join("\t"));
    await navigator.clipboard.writeText(lines.join("\n"));
    say(true);
  };
  return (
    <div
      class="figures"
      ref={(element) => {
        if (height > 0) element?.style.setProperty("height", `${height}px`);
      }}
    >
      <p class="small">
        <b>{label}</b>
        <button type="button" class="btn push" onClick={() => void copy()}>{copied ? "Copied" : "Copy"}</button>
        {button}
      </p>
      <div class="rows" tabIndex={0} role="region" aria-label={`${label}, table`}>
        <table class="plain" ref={box}>
          <thead><tr>{head}</tr></thead>
          <tbody>{rows}</tbody>
        </table>
      </div>
    </div>
  );
}
