/** The world in shades: one hue, so that it reads without colours; what has no outline is said in words. Pointer and
 * arrow keys read, a click or Enter filters, Alt leaves out, `t` shows the table. */
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { World } from "virtual:world";
import { address, filterLink, link, withFilter } from "../address";
import { MEASURES, valueLabel } from "../fields";
import { count, percent, words } from "../format";
import { number, text, type Row } from "../questions";
import { Near } from "./near";
import { Line } from "./reader";
import { level, Shades } from "./shades";
import { TableOf, useTable } from "./table";

const world = signal<World | null>(null);
const lost = signal(false);

/** The outlines come when a map is first shown; the room for them is there before. */
async function fetchWorld(): Promise<void> {
  try {
    world.value ??= (await import("virtual:world")).default;
    lost.value = false;
  } catch {
    lost.value = true;
  }
}

interface MapProps {
  rows: Row[];
  /** What the shades say; more measures of the rows stand in the reader. */
  measure: string;
  more?: string[];
  label: string;
}

const countryName = (code: string | null) => valueLabel("country", code);
const labelOf = (measure: string) => MEASURES[measure]?.label ?? measure;
const unitOf = (measure: string) => MEASURES[measure]?.unit ?? "";

export function WorldMap({ rows, measure, more = [], label }: MapProps) {
  useEffect(() => void fetchWorld(), []);
  const table = useTable(label);
  const box = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const [at, put] = useState<string | null>(null);
  const pointer = useRef<{ x: number; y: number } | null>(null);
  const drawn = world.value;
  const placed = rows.filter((row) => has(drawn, text(row, "country"))).toSorted((a, b) => (number(b, measure) ?? 0) - (number(a, measure) ?? 0));
  const of = new Map(rows.map((row) => [text(row, "country"), row]));
  const most = Math.max(...placed.map((row) => number(row, measure) ?? 0), 1e-9);
  const shade = (code: string) => level(number(of.get(code), measure) ?? 0, most);
  const follow = () => {
    const [element, around] = [tip.current, box.current];
    const target = at === null ? null : around?.querySelector(`[data-code="${at}"]`);
    if (!element || !around || !target) return;
    const frame = around.getBoundingClientRect();
    const land = target.getBoundingClientRect();
    // Beside the pointer, or beside the country that the keys have come to.
    const { x, y } = pointer.current ?? { x: land.right, y: land.top + land.height / 2 };
    const [left, top] = [x - frame.left, y - frame.top];
    element.style.left = `${Math.max(0, left + 16 + element.offsetWidth > frame.width ? left - 16 - element.offsetWidth : left + 16)}px`;
    element.style.top = `${Math.max(0, Math.min(frame.height - element.offsetHeight, top - element.offsetHeight / 2))}px`;
  };
  useLayoutEffect(follow);
  const key = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by && placed.length > 0) {
      event.preventDefault();
      event.stopPropagation();
      pointer.current = null;
      const now = placed.findIndex((row) => text(row, "country") === at);
      put(text(placed[(now < 0 ? (by > 0 ? 0 : placed.length - 1) : now + by + placed.length) % placed.length], "country"));
    } else if (event.key === "Enter" && at !== null) {
      box.current?.querySelector(`a[data-code="${at}"]`)?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, altKey: event.altKey }));
    } else if (event.key === "Escape") put(null);
  };
  if (table.on) {
    return (
      <div class="plot tabled">
        <TableOf
          label={label} button={table.button} height={table.height}
          head={<><th scope="col">Country</th>{[measure, ...more].map((name) => <th scope="col" class="n" key={name}><Near measure={name} />{labelOf(name)}</th>)}</>}
          rows={rows.map((row) => <tr key={text(row, "country")}><th scope="row">{countryName(text(row, "country"))}</th>{[measure, ...more].map((name) => <td class="n" key={name}>{words(number(row, name), unitOf(name))}</td>)}</tr>)}
        />
      </div>
    );
  }
  const shape = (code: string, drawing: preact.JSX.Element) =>
    of.has(code) ? <a key={code} href={filterLink("country", code)} data-not={filterLink("country", code, "not")} data-code={code} aria-label={`${countryName(code)}: ${words(number(of.get(code), measure), unitOf(measure))}`} tabIndex={-1}>{drawing}</a> : <g key={code} data-code={code}>{drawing}</g>;
  const row = at === null ? undefined : of.get(at);
  return (
    <div
      class="plot map" ref={box} tabIndex={0} role="group"
      aria-label={`${label}. Arrow keys read from the most to the least, Enter filters, t shows a table.`}
      onPointerMove={(event) => {
        const code = event.target instanceof Element ? (event.target.closest("[data-code]")?.getAttribute("data-code") ?? null) : null;
        pointer.current = { x: event.clientX, y: event.clientY };
        if (code !== null && code === at) follow();
        put(code || null);
      }}
      onPointerLeave={() => put(null)} onBlur={() => put(null)} onKeyDown={key}
    >
      <div class="world">
        {lost.value && <p class="none">The map’s outlines could not be loaded; the table has the figures. <button class="btn edge" onClick={() => void fetchWorld()}>Try again</button></p>}
        {drawn && (
          <svg viewBox={`-12 -12 ${drawn.width + 24} ${drawn.height + 24}`}>
            {Object.entries(drawn.shapes).map(([code, path]) => shape(code, <path class={`land h${shade(code)}`} d={path} />))}
            {Object.entries(drawn.dots).map(([code, [x, y]]) => of.has(code) && shape(code, <circle class={`land h${shade(code)}`} cx={x} cy={y} r="13" />))}
            {at && drawn.shapes[at] && <path class="here" d={drawn.shapes[at]} />}
            {at && drawn.dots[at] && <circle class="here" cx={drawn.dots[at][0]} cy={drawn.dots[at][1]} r="13" />}
          </svg>
        )}
      </div>
      <div class="tip" ref={tip} hidden={!at} role="status">
        {at && <p>{countryName(at)}</p>}
        {at && !row && <Line name="No calls" value="" />}
        {row && [measure, ...more].map((name) => <Line key={name} name={<><Near measure={name} />{labelOf(name)}</>} value={words(number(row, name), unitOf(name))} />)}
      </div>
      <div class="under"><Shades most={most} unit={unitOf(measure)} none={measure === "calls" ? "no calls" : "0, or no calls"} />{table.button}</div>
      <Words rows={rows} measure={measure} drawn={drawn} />
    </div>
  );
}

const has = (drawn: World | null, code: string | null) => code !== null && drawn !== null && (code in drawn.shapes || code in drawn.dots);

/** What the map cannot show: calls without a country, and countries without an outline. */
function Words({ rows, measure, drawn }: { rows: Row[]; measure: string; drawn: World | null }) {
  if (!drawn) return <p class="small words">&nbsp;</p>;
  const none = rows.find((row) => row["country"] === null);
  const rest = rows.filter((row) => row["country"] !== null && !has(drawn, text(row, "country")));
  const calls = (row: Row) => number(row, "calls") ?? 0;
  const all = rows.reduce((sum, row) => sum + calls(row), 0);
  return (
    <p class="small words faint">
      {none ? (
        <><a href={filterLink("country", null)}>Of {count(calls(none))} calls no country is known</a>, {percent(calls(none) / all)}% of all. </>
      ) : "Of every call the country is known. "}
      {rest.length > 0 && (
        <>
          Without an outline:{" "}
          {rest.slice(0, 12).map((row, at) => (
            <span key={text(row, "country")}>{at > 0 && ", "}<a href={link({ filters: withFilter(address.value.filters, "country", "is", text(row, "country")) })}>{countryName(text(row, "country"))}</a> {words(number(row, measure), unitOf(measure))}</span>
          ))}
          {rest.length > 12 && `, ${rest.length - 12} others`}.
        </>
      )}
    </p>
  );
}
