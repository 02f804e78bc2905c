import { expect, test } from "vitest";
import { deliveryOf } from "./delivered";

const settled_before = "2026-12-01T12:00:00Z";
const before = Date.parse(settled_before) - 1;

test("what was received before the account's moment is delivered when nothing else can have become of it", () => {
  expect(deliveryOf(before, { pending: 7, dead: 0, left_out: 0, settled_before }, "UTC")).toEqual({ state: "has it", words: "all received before 12:00:00" });
});

test("dead letters and what a filter leaves out make it one of several ends", () => {
  const said = deliveryOf(before, { pending: 0, dead: 1, left_out: 20, settled_before }, "UTC");
  expect(said).toEqual({ state: "settled", words: "all received before 12:00:00, but for 1 dead letter and 20 left out by filter or sampling" });
});

test("from the moment on it waits, and an account without the moment proves nothing", () => {
  expect(deliveryOf(before + 1, { pending: 3, settled_before }, "UTC").state).toBe("waits");
  expect(deliveryOf(before, { pending: 0 }, "UTC")).toEqual({ state: "unknown", words: "nothing waits" });
  expect(deliveryOf(null, { pending: 0, settled_before }, "UTC").state).toBe("unknown");
});
