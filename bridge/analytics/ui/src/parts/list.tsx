/** The list that most panels are: a name with its bar, some figures, and what is left, so that the column sums. */
import type { ComponentChildren } from "preact";
import { address, filterLink, link, withFilter, type Address } from "../address";
import { fieldLabel, valueLabel } from "../fields";
import { count } from "../format";
import { number, text, type Row } from "../questions";
import type { Kind } from "../codes";
import { Icon } from "./words";
import { Nothing } from "./say";

export interface Column {
  head: ComponentChildren;
  /** A class of its width: w-num, w-pct, w-ms, w-spark … */
  width: string;
  cell: (row: Row) => ComponentChildren;
  /** The same for the row of what is left. */
  rest?: ComponentChildren;
  left?: boolean;
  sorted?: boolean;
  class?: string;
}

/** A length through CSSOM: inline styles are forbidden by the page's CSP. */
export const length = (value: number) => (element: Element | null) => {
  if (element instanceof HTMLElement) element.style.setProperty("--v", String(Math.max(0, Math.min(1, value || 0))));
};

/** A click anywhere on a row is one on its name, with Alt and all. */
export function pick(event: MouseEvent): void {
  if (event.target instanceof Element && event.target.closest("a, button")) return;
  const anchor = (event.currentTarget as Element).querySelector("a.row");
  anchor?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, altKey: event.altKey, ctrlKey: event.ctrlKey, metaKey: event.metaKey }));
}

function Acts({ field, value, only }: { field: string; value: string | null; only: string }) {
  return (
    <span class="acts">
      <a href={only} title="Only this" aria-label={`Only ${fieldLabel(field)} ${valueLabel(field, value)}`} tabIndex={-1}>
        <Icon name="plus" />
      </a>
      <a href={filterLink(field, value, "not")} title="All but this (Alt click)" aria-label={`All but ${fieldLabel(field)} ${valueLabel(field, value)}`} tabIndex={-1}>
        <Icon name="minus" />
      </a>
    </span>
  );
}

interface ListProps {
  rows: Row[];
  field: string;
  head?: string;
  columns: Column[];
  /** Of what the bar behind the name speaks. */
  bar?: string;
  beside?: (row: Row) => ComponentChildren;
  lead?: (row: Row) => ComponentChildren;
  kind?: (row: Row) => Kind | undefined;
  label?: (row: Row) => ComponentChildren;
  mono?: boolean;
  /** What the rows leave of the whole, and how that is called. */
  rest?: { words: string; left: number; said?: string } | null;
  /** What a row is besides its field: a click filters by these, too. */
  also?: string[];
  /** More that a click changes than the filter. */
  change?: Partial<Address>;
  empty?: string;
}

export function List({ rows, field, head, columns, bar = "calls", beside, lead, kind, label, mono, rest, also = [], change = {}, empty }: ListProps) {
  if (rows.length === 0) return <Nothing>{empty ?? "No calls in this period."}</Nothing>;
  const top = Math.max(...rows.map((row) => number(row, bar) ?? 0), 1e-9);
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{head ?? fieldLabel(field)}</th>
          {columns.map((column) => (
            <th scope="col" class={`${column.left ? "" : "n"} ${column.width} ${column.class ?? ""}`} {...(column.sorted ? { "aria-sort": "descending" as const } : {})}>{column.head}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const value = text(row, field);
          const of = kind?.(row);
          const only = link({ ...change, filters: [field, ...also].reduce((filters, each) => withFilter(filters, each, "is", text(row, each)), address.value.filters) });
          return (
            <tr key={JSON.stringify(row[field]) + (text(row, "version") ?? "") + (text(row, "method") ?? "") + (text(row, "status") ?? "") + (text(row, "api") ?? "")} onClick={pick}>
              <td class={`bar ${of && of !== "2xx" && of !== "off" ? `b${of}` : ""}`} ref={length((number(row, bar) ?? 0) / top)}>
                <div class="two">
                  {lead?.(row)}
                  <a class={`row ${mono ? "mono" : ""} ${value === null ? "missing" : ""}`} href={only} data-not={filterLink(field, value, "not")} title={valueLabel(field, value)}>
                    {label ? label(row) : valueLabel(field, value)}
                  </a>
                  {beside && <span class="faint small cut">{beside(row)}</span>}
                </div>
                <Acts field={field} value={value} only={only} />
              </td>
              {columns.map((column) => (
                <td class={`${column.left ? "" : "n"} ${column.class ?? ""}`}>{column.cell(row)}</td>
              ))}
            </tr>
          );
        })}
        {rest && rest.left > 0 && (
          <tr class="rest">
            <td>{rest.words}</td>
            {columns.map((column, at) => (
              <td class={`${column.left ? "" : "n"} ${column.class ?? ""}`}>{column.rest ?? (at === 0 ? (rest.said ?? count(rest.left)) : "")}</td>
            ))}
          </tr>
        )}
      </tbody>
    </table>
  );
}
