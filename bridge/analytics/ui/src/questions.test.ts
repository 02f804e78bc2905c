import { expect, test } from "vitest";
import { failing } from "./over";
import { groups, is, not, read, readFilters, series, summed, wire, wireFilters } from "./questions";
import { timeMarks } from "./parts/scale";

const span = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2026, 0, 2) };

test("a question carries the address' filters, typed as the fields are, and those it leaves out not", () => {
  const filters = [is("status", "404", null), not("bot", "true"), is("api", "Orders"), { field: "latency", op: "from" as const, values: ["500"] }];
  const sent = wire({ measures: ["calls", "calls"], by: ["version"], without: ["api"], also: [is("error_code", "900901")] }, filters, span, "UTC");
  expect(sent.measures).toEqual(["calls"]);
  expect(sent.filters).toEqual([
    { field: "status", is: [404, null] },
    { field: "bot", is_not: [true] },
    { field: "latency", at_least: 500 },
    { field: "error_code", is: [900901] },
  ]);
  expect(sent.from).toBe("2026-01-01T00:00:00.000Z");
});

test("filters that were kept come back as they were", () => {
  const filters = [is("status", "404", null), not("bot", "true"), ...(["contains", "contains_not", "matches", "matches_not"] as const).map((op) => ({ field: "path", op, values: ["/a"] })), ...(["from", "to", "above", "at_most"] as const).map((op) => ({ field: "latency", op, values: ["500"] }))];
  expect(readFilters(wireFilters(filters))).toEqual(filters);
  expect(readFilters([{ field: "latency", at_least: 5, below: 9 }])).toEqual([{ field: "latency", op: "from", values: ["5"] }, { field: "latency", op: "to", values: ["9"] }]);
});

const at = (hour: number) => Date.UTC(2026, 0, 1, hour);
const row = (hour: number, more: object) => ({ time: new Date(at(hour)).toISOString(), ...more });

test("an absent step is zero for what adds up and a gap for a quantile", () => {
  const rows = [row(1, { calls: 5, latency_p95: 7 })];
  expect(series(rows, "calls", [at(0), at(1), at(2)], true)).toEqual([0, 5, 0]);
  expect(series(rows, "latency_p95", [at(0), at(1), at(2)], false)).toEqual([null, 7, null]);
});

test("throttled calls are told apart from the class of their status, and all kinds sum to the errors", () => {
  const rows = [row(0, { status_class: "4xx", calls: 10, errors: 10, throttled: 6 }), row(0, { status_class: "5xx", calls: 3, errors: 3, throttled: 0 }), row(0, { status_class: "2xx", calls: 90, errors: 1, throttled: 0 })];
  const found = failing(rows, [at(0)]);
  expect([found.e4, found.e5, found.thr, found.other, found.ok]).toEqual([[4], [3], [6], [1], [89]]);
});

test("what is not exact is named with its error, and nothing is when the answer says nothing of it", () => {
  const period = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
  expect(read({ rows: [], period, exact: false, approximate: { measures: ["latency_p95"], error: 0.022 } }).approximate).toEqual({ measures: ["latency_p95"], error: 0.022 });
  expect(read({ rows: [], period, exact: true }).approximate).toBeNull();
});

test("rows of several groups are added up at each step", () => {
  const rows = [row(0, { error_code: 1, errors: 2 }), row(0, { error_code: 2, errors: 3 }), row(2, { error_code: 1, errors: 1 })];
  expect(summed(rows, "errors", [at(0), at(1), at(2)])).toEqual([5, 0, 1]);
});

test("groups tell a missing value from an empty one", () => {
  expect(groups([row(0, { api: null }), row(0, { api: "" }), row(1, { api: null })], ["api"]).size).toBe(2);
});

test("marks of the time axis stand on round wall times, across a change of the clock", () => {
  const first = Date.UTC(2026, 2, 28, 23);
  const times = Array.from({ length: 23 }, (_, hour) => first + hour * 3_600_000);
  const marks = timeMarks(times, first + 23 * 3_600_000, 700, "Europe/Berlin");
  expect(marks[0]).toEqual({ at: 0, label: "Sun 29 Mar", strong: true });
  expect(marks.map((mark) => mark.label)).toContain("03:00");
  expect(marks.map((mark) => mark.label)).not.toContain("02:00");
});
