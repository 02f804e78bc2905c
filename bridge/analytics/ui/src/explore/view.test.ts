import { describe, expect, test } from "vitest";
import { fitted, FORMS, ownOf, readView, titleOf, viewOf, writeView, type Form, type FormOf, type View } from "./view";

const view = (form: Form, measures: string[], by: string[], more: Partial<View> = {}): View => ({ title: "A title", form, width: 2, measures, by, filters: [], ...more });

describe("a view fits its form", () => {
  test("whichever form is chosen next, its question can be shown", () => {
    for (const from of [view("table", ["calls", "errors"], ["api", "status", "user"]), view("events", [], []), view("time", ["calls"], [])]) {
      for (const form of Object.keys(FORMS) as Form[]) {
        const { measures, by } = FORMS[form] as FormOf;
        const shown = fitted({ ...from, form });
        expect(shown.measures.length, form).toBeGreaterThanOrEqual(measures[0]);
        expect(shown.measures.length, form).toBeLessThanOrEqual(measures[1]);
        expect(shown.by.length, form).toBeGreaterThanOrEqual(by[0]);
        expect(shown.by.length, form).toBeLessThanOrEqual(by[1]);
        expect(new Set(shown.by).size).toBe(shown.by.length);
      }
    }
  });

  test("a map is by country, hours go across weekdays, and an order without its column is none", () => {
    expect(fitted(view("map", ["calls"], ["api"])).by).toEqual(["country"]);
    expect(fitted(view("heatmap", ["calls"], ["weekday"])).by).toEqual(["weekday", "hour"]);
    expect(fitted(view("table", ["calls"], ["api"], { order: "-errors" })).order).toBeUndefined();
    expect(fitted(view("time", ["calls"], ["api"], { order: "-calls", limit: 50 }))).toEqual(view("time", ["calls"], ["api"]));
  });
});

test("the address and the data API give back the view that they were made of", () => {
  const filters = [{ field: "status", op: "is" as const, values: ["404"] }];
  const table = view("table", ["calls", "latency_p95"], ["api", "status"], { order: "-latency_p95", limit: 25, filters });
  expect(viewOf(ownOf(table), filters)).toEqual({ ...table, width: 1, title: titleOf(table) });
  expect(readView(JSON.parse(JSON.stringify(writeView(table))))).toEqual(table);
  expect(viewOf({}, [])).toEqual({ title: "Calls by API", form: "time", width: 1, measures: ["calls"], by: ["api"], filters: [] });
  expect(viewOf({ by: "", form: "pie", measure: "cals" }, [])).toMatchObject({ form: "time", measures: ["calls"], by: [] });
});

test("a view that nobody named says what it shows", () => {
  expect(titleOf(view("table", ["errors", "latency_p95"], ["api", "ai_model", "status"]))).toBe("Errors and p95 latency by API, model and status");
  expect(titleOf(view("time", ["calls"], []))).toBe("Calls");
  expect(titleOf(view("events", [], []))).toBe("Newest events");
});
