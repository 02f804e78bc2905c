import { beforeEach, expect, test } from "vitest";
import { address, FIRST, type Address } from "../address";
import { canShare } from "./can";
import { offerOf } from "./what";
import { opens, read, snippet } from "./workspaces";

const at = (change: Partial<Address>): Address => (address.value = { ...FIRST, filters: [], own: {}, ...change });
beforeEach(() => void at({}));

test("what is seen is held to its filters; what no view can be locked by stays with the view", () => {
  const { locked, views } = offerOf(at({ page: "events", filters: [{ field: "user", op: "is", values: ["eve"] }, { field: "hour", op: "is", values: ["9"] }] }));
  expect(locked).toEqual([{ field: "user", op: "is", values: ["eve"] }]);
  expect(views[0]).toMatchObject({ form: "events", filters: [{ field: "hour" }] });
});

test("a page offers what it shows: a question, one API, one of the consumers, the log; nothing else", () => {
  expect(canShare(at({ page: "overview" }))).toBe(false);
  expect(canShare(at({ page: "apis" }))).toBe(false);
  expect(canShare(at({ page: "apis", filters: [{ field: "api", op: "is", values: ["Orders"] }] }))).toBe(true);
  expect(canShare(at({ page: "consumers", filters: [{ field: "application", op: "is", values: [null] }] }))).toBe(false);
  expect(canShare(at({ page: "consumers", filters: [{ field: "application", op: "is", values: ["A"] }] }))).toBe(true);
  expect(canShare(at({ page: "explore", own: { board: "team" } }))).toBe(false);
  expect(offerOf(at({ page: "explore", own: { form: "segment", measure: "errors", by: "api" } }))).toMatchObject({ name: "Errors by API", views: [{ form: "segment", measures: ["errors"], by: ["api"] }] });
});

test("what is kept is read as it was made, and opens until its time has come", () => {
  const found = read({ id: "1", name: "Yours", view: "time", question: { measures: ["errors"], by: ["api"] }, filters: [{ field: "user", is: ["me"] }], period: { from: "-1w", to: "now" }, bounds: {}, shown: ["*"], made: "2026-01-01T00:00:00Z", expires: "2026-02-01T00:00:00Z", links: [{ id: "a", made: "2026-01-01T00:00:00Z", url: "https://x/public/t", values: { user: ["a", "b"] } }] });
  expect(found).toMatchObject({ from: "-1w", mayChangePeriod: true, whole: true, locked: [{ field: "user", op: "is", values: ["me"] }], links: [{ expires: null, values: { user: "a, b" } }] });
  expect([opens(found, Date.UTC(2026, 0, 31)), opens(found, Date.UTC(2026, 1, 1)), opens(found.links[0]!, Infinity)]).toEqual([true, false, true]);
});

test("what stands in a frame's code cannot end it", () => {
  expect(snippet('https://x/public/a"b', 'A "name" <b>')).toContain('src="https://x/public/a&quot;b?embed=true" title="A &quot;name&quot; &lt;b>"');
});
