/** The panel that most of a page is made of: who has most calls, of which field, and what is left. */
import type { ComponentChildren } from "preact";
import { address, type Address, type Filter } from "../address";
import { useAnswer } from "../ask";
import { MEASURES } from "../fields";
import { count, words } from "../format";
import { number, text, type Row } from "../questions";
import { callsColumn, changeColumn, errorsColumn, measureColumn, rateColumn } from "./columns";
import { List, type Column } from "./list";
import { Nothing, Panel } from "./say";
import { Head } from "./words";

export const others = (left: number) => (left === 1 ? "1 other" : `${count(left)} others`);

interface RankedProps {
  title: string;
  /** The field that a click filters by; then what stands beside it. */
  by: string[];
  /** What the rows leave is reckoned from it. */
  whole?: number | null;
  /** By what they are ordered, calls unless said. */
  measure?: string;
  columns?: ("change" | "errors" | "rate" | "p50" | "p95" | "backend" | "users")[];
  limit?: number;
  area?: string;
  per?: string;
  mono?: boolean;
  also?: Filter[];
  /** Fields beside the first that a click filters by, too. */
  both?: string[];
  all?: (groups: number | null) => ComponentChildren;
  label?: (row: Row) => ComponentChildren;
  lead?: (row: Row) => ComponentChildren;
  beside?: (row: Row) => ComponentChildren;
  change?: Partial<Address>;
  empty?: string;
}

const COLUMNS: Record<string, [string, Column]> = {
  change: ["", changeColumn],
  errors: ["error_rate", errorsColumn],
  rate: ["error_rate", rateColumn],
  p50: ["latency_p50", measureColumn("latency_p50", "p50", "w-ms", { class: "wide" })],
  p95: ["latency_p95", measureColumn("latency_p95", "p95")],
  backend: ["backend_latency_p95", measureColumn("backend_latency_p95", "Backend p95", "w-num", { class: "wide" })],
  users: ["users", measureColumn("users", "Users", "w-ms", { class: "wide soft" })],
};

export function leftOf(rows: Row[], whole: number | null | undefined, measure = "calls"): number {
  return whole === null || whole === undefined ? 0 : whole - rows.reduce((sum, row) => sum + (number(row, measure) ?? 0), 0);
}

export function Ranked({ title, by, whole, measure = "calls", columns = [], limit = 7, area, per, all, also, both = [], ...list }: RankedProps) {
  const [field = "", next] = by;
  const wanted = columns.map((name) => COLUMNS[name]).filter((each) => each !== undefined);
  const measures = [measure, ...wanted.map(([name]) => name).filter(Boolean)];
  const asked = useAnswer({ measures, by, order: `-${measure}`, limit, compare: columns.includes("change") && address.value.compare, ...(also ? { also } : {}) }, title);
  const of = MEASURES[measure];
  const first: Column = measure === "calls" ? callsColumn : measureColumn(measure, of?.label ?? measure, "w-num", { sorted: true });
  return (
    <section class={area ?? ""}>
      <Head title={title} per={per ?? (asked.answer ? `${count(asked.answer.groups)}, by ${of?.label.toLowerCase() ?? measure}` : `by ${of?.label.toLowerCase() ?? measure}`)}>{all?.(asked.answer?.groups ?? null)}</Head>
      <Panel asked={asked} rows={limit}>
        {({ rows, groups }) => {
          const left = leftOf(rows, whole, measure);
          // One row without a name says that nobody has one.
          if (list.empty && rows.every((row) => row[field] === null)) return <Nothing>{list.empty}</Nothing>;
          return (
            <List
              rows={rows.filter((row) => (number(row, measure) ?? 0) > 0)} field={field} bar={measure} also={both} columns={[first, ...wanted.map(([, column]) => column)]}
              {...(next ? { beside: (row: Row) => text(row, next) } : {})} {...list}
              rest={groups > rows.length && left > 0 ? { words: others(groups - rows.length), left, said: words(left, of?.unit ?? "") } : null}
            />
          );
        }}
      </Panel>
    </section>
  );
}
