/** One reader for all plots of an axis: pointer and arrow keys read, drag zooms, Escape goes back, `t` shows a table. */
import { createContext, type ComponentChildren } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import { address, go } from "../address";
import { clock, dayAndClock, day, clockSeconds } from "../format";
import { midnight, written } from "../period";
import { gutter, timeMarks } from "./scale";
import { useWidth } from "./spark";
import { TableOf, useTable } from "./table";

export interface Axis {
  /** Where each step starts, and where the last one ends. */
  times: number[];
  end: number;
  /** Room at the right for the names of lines. */
  right?: number;
}
interface ReaderProps {
  axis: Axis;
  label: string;
  /** It has a window of its own, which no drag can change. */
  still?: boolean;
  /** What stands in the reader at a step. */
  read: (at: number) => ComponentChildren;
  children: ComponentChildren;
}

let zooms = 0;

export function zoom(from: number, to: number): void {
  const { zone } = address.value;
  zooms += 1;
  go({ from: written(from, zone), to: written(to, zone) });
}

export function stepWords(axis: Axis, at: number, zone: string): string {
  const from = axis.times[at] ?? 0;
  const to = axis.times[at + 1] ?? axis.end;
  if (to - from >= 23 * 3_600_000) return to - from > 26 * 3_600_000 ? `${day(from, zone)} – ${day(midnight(to, zone, -1), zone)}` : day(from, zone);
  if (to - from < 60_000) return `${day(from, zone)} ${clockSeconds(from, zone)} – ${clockSeconds(to, zone)}`;
  return `${dayAndClock(from, zone)} – ${clock(to, zone)}`;
}

export function Reader({ axis, label, read, still = false, children }: ReaderProps) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [at, put] = useState<number | null>(null);
  const [from, grab] = useState<number | null>(null);
  const tip = useRef<HTMLDivElement>(null);
  const cross = useRef<HTMLDivElement>(null);
  const sel = useRef<HTMLDivElement>(null);
  const { zone } = address.value;
  const table = useTable(label);
  const steps = axis.times.length;
  const left = gutter(width);
  const inner = width - left - (axis.right ?? 0);
  const shown = at === null ? null : Math.max(0, Math.min(steps - 1, at));
  const find = (event: PointerEvent) => Math.floor((event.clientX - (box.current?.getBoundingClientRect().left ?? 0) - left) / inner * steps);
  useLayoutEffect(() => {
    if (shown === null || table.on || !tip.current || !cross.current) return;
    const x = left + (shown + 0.5) / steps * inner;
    cross.current.style.left = `${x}px`;
    const wide = tip.current.offsetWidth;
    tip.current.style.left = `${x + 12 + wide > width ? Math.max(0, x - 12 - wide) : x + 12}px`;
    if (from !== null && sel.current) {
      const first = Math.max(0, Math.min(from, shown));
      const last = Math.min(steps - 1, Math.max(from, shown));
      sel.current.style.left = `${left + first / steps * inner}px`;
      sel.current.style.width = `${(last - first + 1) / steps * inner}px`;
    }
  });
  const release = () => {
    if (from !== null && shown !== null && Math.abs(from - shown) > 0) {
      const first = Math.max(0, Math.min(from, shown));
      const last = Math.min(steps - 1, Math.max(from, shown));
      const start = axis.times[first];
      if (start !== undefined) zoom(start, axis.times[last + 1] ?? axis.end);
      // What was read belongs to the view before; Escape then goes back at once.
      put(null);
    }
    grab(null);
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      event.stopPropagation();
      const far = event.shiftKey ? Math.max(1, Math.round(3_600_000 / Math.max(1, (axis.times[1] ?? axis.end) - (axis.times[0] ?? 0)))) : 1;
      put((shown ?? (by < 0 ? steps : -1)) + by * far);
    } else if (event.key === "Enter" && shown !== null && !still) {
      const start = axis.times[shown];
      if (start !== undefined) zoom(start, axis.times[shown + 1] ?? axis.end);
    } else if (event.key === "Escape") {
      if (shown !== null) put(null);
      else if (zooms > 0) {
        zooms -= 1;
        history.back();
      }
    }
  };
  if (table.on) {
    return (
      <div class="plot tabled" ref={box}>
        <TableOf
          label={label}
          button={table.button}
          height={table.height}
          head={<><th scope="col">Time</th><Form.Provider value="head">{steps > 0 && read(0)}</Form.Provider></>}
          rows={axis.times.map((time, step) => <tr key={time}><th scope="row">{stepWords(axis, step, zone)}</th><Form.Provider value="cell">{read(step)}</Form.Provider></tr>)}
        />
      </div>
    );
  }
  return (
    <div
      class="plot"
      ref={box}
      tabIndex={0}
      role="group"
      aria-label={`${label}. Arrow keys read, ${still ? "" : "drag or Enter zooms, Escape goes back, "}t shows a table.`}
      onPointerMove={(event) => put(find(event))}
      onPointerLeave={() => from === null && put(null)}
      onPointerDown={(event) => {
        if (still || event.button !== 0 || (event.target instanceof Element && event.target.closest("button, a"))) return;
        grab(find(event));
        if (event.pointerType === "mouse") event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerUp={release}
      onPointerCancel={() => grab(null)}
      onKeyDown={key}
      onBlur={() => put(null)}
    >
      <h2 class="sr">{label}</h2>
      {table.button}
      {children}
      <TimeAxis axis={axis} width={width} />
      <div class="sel" ref={sel} hidden={from === null || shown === null || from === shown} />
      <div class="cross" ref={cross} hidden={shown === null} />
      <div class="tip" ref={tip} hidden={shown === null} role="status">
        {shown !== null && (
          <>
            <p>{stepWords(axis, shown, zone)}</p>
            {read(shown)}
          </>
        )}
      </div>
    </div>
  );
}

/** Where a line stands: in the reader's box, or in the table's head or body. What a step says is written once. */
const Form = createContext<"line" | "head" | "cell">("line");

/** A line of the reader: its mark, its name, its figure. */
export function Line({ mark, name, value, class: own = "" }: { mark?: ComponentChildren; name: ComponentChildren; value: ComponentChildren; class?: string }) {
  const form = useContext(Form);
  if (form === "head") return <th scope="col" class="n">{mark} {name}</th>;
  if (form === "cell") return <td class="n">{value}</td>;
  return (
    <div class={`tip-line ${own}`}>
      {mark ?? <i />}
      <span>{name}</span>
      <span>{value}</span>
    </div>
  );
}

export function Swatch({ class: own }: { class: string }) {
  return <i class={`swatch ${own}`} />;
}

function TimeAxis({ axis, width }: { axis: Axis; width: number }) {
  const left = gutter(width);
  const inner = width - left - (axis.right ?? 0);
  const found = timeMarks(axis.times, axis.end, inner, address.value.zone, inner < 500 ? 80 : 72);
  return (
    <div class="axis" aria-hidden="true">
      {width > 0 && (
        <svg width={width} height="20">
          {found.map((mark) => {
            const x = left + mark.at / axis.times.length * inner;
            const anchor = x > width - 28 ? "end" : "middle";
            return (
              <g key={mark.at}>
                <line class="grid base" x1={x} x2={x} y2="4" />
                <text class={mark.strong ? "strong" : ""} x={anchor === "end" ? width : x} y="17" text-anchor={anchor}>
                  {mark.label}
                </text>
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}
