/** Questions to the data API and the shape of their answers; the only module that knows how both are written. */
import type { Filter, Operator } from "./address";
import type { Span, Step } from "./period";

export type Value = string | number | boolean | null;
/** What a page wants to know; the period, the zone and the address' filters are added when it is asked. */
export interface Question {
  measures: string[];
  by?: string[];
  /** More conditions than the address has. */
  also?: Filter[];
  /** Leaves out what the address asks of these fields, or of all of them. */
  without?: string[] | "all";
  step?: Step;
  /** Over all that there is, whatever the period. */
  always?: boolean;
  compare?: boolean;
  order?: string;
  limit?: number;
}
export interface Histogram {
  borders: number[];
  counts: number[];
}
export interface Row {
  [name: string]: Value | Histogram | Record<string, number | null> | undefined;
  previous?: Record<string, number | null>;
}
export interface Approximate {
  measures: string[];
  /** As a share. */
  error: number;
}
export interface Answer {
  rows: Row[];
  /** How many groups there are in all, beyond the limit. */
  groups: number;
  /** With a step: when each begins, in the zone of the question. */
  times: number[];
  span: Span;
  /** Which measures are not exact, and by how much they can be off; null when all are. */
  approximate: Approximate | null;
  tookMs: number;
}

export interface Wire {
  measures: string[];
  by?: string[];
  filters: WireFilter[];
  from: string;
  to: string;
  time_zone: string;
  interval?: string;
  compare?: "previous";
  order?: string;
  limit?: number;
}

const NUMBERS = new Set(["status", "target_status", "error_code", "hour", "weekday", "latency", "backend_latency"]);
const TRUTHS = new Set(["bot", "cache_hit"]);

function typed(field: string, value: string | null): Value {
  if (value === null) return null;
  if (NUMBERS.has(field) && value !== "" && Number.isFinite(Number(value))) return Number(value);
  return TRUTHS.has(field) ? value === "true" : value;
}

/** The data API's names of the operators. */
const TESTS: Record<Operator, string> = {
  is: "is", not: "is_not", contains: "contains", contains_not: "contains_not", matches: "matches", matches_not: "matches_not",
  from: "at_least", to: "below", above: "above", at_most: "at_most",
};
const NAMES = Object.fromEntries(Object.entries(TESTS).map(([op, test]) => [test, op as Operator]));

export type WireFilter = { field: string } & Record<string, unknown>;

export function wireFilters(filters: Filter[]): WireFilter[] {
  return filters.map(({ field, op, values }) => {
    const of = values.map((value) => typed(field, value));
    return { field, [TESTS[op]]: op === "is" || op === "not" ? of : of[0] };
  });
}

/** The data API's filters as the page has them: one for each test. */
export function readFilters(given: WireFilter[]): Filter[] {
  return given.flatMap(({ field, ...tests }) =>
    Object.entries(tests).map(([test, value]) => ({ field, op: NAMES[test] ?? "is", values: (Array.isArray(value) ? value : [value]).map((one) => (one === null ? null : String(one))) })),
  );
}

export function wire(question: Question, filters: Filter[], span: Span, zone: string): Wire {
  const { without = [], also = [] } = question;
  const kept = without === "all" ? [] : filters.filter((each) => !without.includes(each.field));
  return {
    measures: [...new Set(question.measures)],
    ...(question.by ? { by: question.by } : {}),
    filters: wireFilters([...kept, ...also]),
    from: new Date(span.from).toISOString(),
    to: new Date(span.to).toISOString(),
    time_zone: zone,
    ...(question.step ? { interval: question.step.interval } : {}),
    ...(question.compare ? { compare: "previous" as const } : {}),
    ...(question.order ? { order: question.order } : {}),
    ...(question.limit ? { limit: question.limit } : {}),
  };
}

export function read(body: unknown): Answer {
  const { rows = [], groups, approximate = null, took_ms = 0, period } = body as Body;
  return {
    rows,
    groups: groups ?? rows.length,
    times: (period?.times ?? []).map((time) => Date.parse(time)),
    span: { from: Date.parse(period?.from ?? ""), to: Date.parse(period?.to ?? "") },
    approximate,
    tookMs: took_ms,
  };
}
interface Body {
  rows?: Row[];
  groups?: number;
  approximate?: Approximate;
  took_ms?: number;
  period?: { from: string; to: string; times?: string[] };
}

export function number(row: Row | undefined, name: string): number | null {
  const value = row?.[name];
  return typeof value === "number" ? value : null;
}

export function histogram(row: Row | undefined, name: string): Histogram | null {
  const value = row?.[name];
  return typeof value === "object" && value !== null && "borders" in value ? (value as Histogram) : null;
}

export function was(row: Row | undefined, name: string): number | null {
  return row?.previous?.[name] ?? null;
}

export function text(row: Row | undefined, name: string): string | null {
  const value = row?.[name];
  return value === null || value === undefined || typeof value === "object" ? null : String(value);
}

export const timeOf = (row: Row) => Date.parse(String(row["time"]));

/** Rows of a series laid out on the span's steps: what is absent is zero for what adds up and nothing for the rest. */
export function series(rows: Row[], name: string, times: number[], adds: boolean, of: (row: Row, name: string) => number | null = number): (number | null)[] {
  const found = new Map(rows.map((row) => [timeOf(row), of(row, name)]));
  return times.map((time) => found.get(time) ?? (adds ? 0 : null));
}

/** The same for rows of several groups: what they have at a step is added up. */
export function summed(rows: Row[], name: string, times: number[]): number[] {
  const found = new Map<number, number>();
  for (const row of rows) found.set(timeOf(row), (found.get(timeOf(row)) ?? 0) + (number(row, name) ?? 0));
  return times.map((time) => found.get(time) ?? 0);
}

/** Groups of a question that has both `by` and an interval, by the values of their fields. */
export function groups(rows: Row[], by: string[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row, by);
    const group = found.get(key);
    if (group) group.push(row);
    else found.set(key, [row]);
  }
  return found;
}

export const keyOf = (row: Row, by: string[]) => by.map((field) => text(row, field) ?? "\u0000").join("\u0001");

export const is = (field: string, ...values: (string | null)[]): Filter => ({ field, op: "is", values });
export const not = (field: string, ...values: (string | null)[]): Filter => ({ field, op: "not", values });
