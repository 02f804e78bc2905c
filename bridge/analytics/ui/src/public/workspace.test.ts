import { expect, test } from "vitest";
import { read, shutBy, tokenOf } from "./workspace";

test("the token is the path's, or what stands behind # in an embedded view; the root is as far up as the path is deep", () => {
  expect(tokenOf("/public/ab.c%2Bd", "#x")).toEqual({ token: "ab.c+d", root: "../" });
  expect(tokenOf("/below/a/proxy/public/abc", "")).toEqual({ token: "abc", root: "../" });
  expect(tokenOf("/public/em/ws/42", "#to.k-en")).toEqual({ token: "to.k-en", root: "../../../" });
  expect(tokenOf("/x/public/em/ws/42", "")).toEqual({ token: "", root: "../../../" });
});

test("what the server says is held to what the page can show", () => {
  const found = read({ name: "Yours", view: "time", question: { by: ["api"] }, filters: [{ field: "user", is: ["me"] }], period: { from: "-1w", to: "now" }, bounds: null, expires: "2026-12-01T00:00:00Z" });
  expect(found.view).toMatchObject({ form: "time", measures: ["calls"], by: ["api"], filters: [] });
  expect(found.locked).toEqual([{ field: "user", op: "is", values: ["me"] }]);
  expect(found).toMatchObject({ mayChangePeriod: false, live: false, expires: Date.UTC(2026, 11, 1) });
});

test("a password is asked for, a token that opens nothing is said, and the rest may pass", () => {
  const of = (status: number, password = false) => shutBy({ error: "", status, ...(password ? { password } : {}) }).why;
  expect([of(401, true), of(401), of(404), of(500), of(0), of(429)]).toEqual(["password", "wrong", "wrong", "failed", "failed", "failed"]);
});
