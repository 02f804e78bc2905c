import { describe, expect, test } from "vitest";
import { FIRST, parse, print, withFilter, type Filter } from "./address";

const is = (field: string, ...values: (string | null)[]): Filter => ({ field, op: "is", values });

describe("the address", () => {
  test("is empty for the first view and says only what differs from it", () => {
    expect(print(FIRST)).toBe("?");
    expect(print({ ...FIRST, page: "errors", from: "-7d" })).toBe("?page=errors&from=-7d");
  });

  test("gives back every view that it was made of", () => {
    const view = {
      ...FIRST, page: "apis", from: "2026-11-24T14:30", to: "2026-11-24T15:00", zone: "Pacific/Auckland", compare: false,
      filters: [is("api", "Büro & Söhne", "a+b=c"), { field: "bot", op: "not" as const, values: ["true"] }, is("company", null), { field: "latency", op: "from" as const, values: ["500"] }],
      own: { event: "4b682618" },
    };
    expect(parse(print(view))).toEqual(view);
  });

  test("leaves out an unknown zone and an unknown operator, and keeps what a page alone understands", () => {
    const read = parse("?zone=Moon/Base&api.like=x&figure=users");
    expect(read.zone).toBe(FIRST.zone);
    expect(read.filters).toEqual([]);
    expect(read.own).toEqual({ figure: "users" });
  });
});

describe("one more filter", () => {
  test("only this replaces what was asked of the field", () => {
    expect(withFilter([is("api", "A"), is("user", "u")], "api", "is", "B")).toEqual([is("user", "u"), is("api", "B")]);
  });

  test("all but this adds to what is left out, and takes it from what is asked for", () => {
    const once = withFilter([], "api", "not", "A");
    expect(withFilter(once, "api", "not", "B")).toEqual([{ field: "api", op: "not", values: ["A", "B"] }]);
    expect(withFilter([is("api", "A", "B")], "api", "not", "A")).toEqual([is("api", "B"), { field: "api", op: "not", values: ["A"] }]);
  });
});
