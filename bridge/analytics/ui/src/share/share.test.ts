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

test("a link opens until it is withdrawn or its time has come", () => {
  const { links: [one, two, three] } = read({ id: "1", name: "x", view: "events", from: "-1w", made: "2026-01-01T00:00:00Z", links: [
    { id: "a", made: "2026-01-01T00:00:00Z" }, { id: "b", made: "2026-01-01T00:00:00Z", revoked: true }, { id: "c", made: "2026-01-01T00:00:00Z", expires: "2026-02-01T00:00:00Z" },
  ] });
  const now = Date.UTC(2026, 2, 1);
  expect([one, two, three].map((link) => opens(link!, now))).toEqual([true, false, false]);
});

test("what stands in a frame's code cannot end it", () => {
  expect(snippet('https://x/public/em/ws/1?embed=true&a="#t', 'A "name" <b>')).toContain('src="https://x/public/em/ws/1?embed=true&amp;a=&quot;#t" title="A &quot;name&quot; &lt;b>"');
});
