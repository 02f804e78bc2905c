import { expect, test } from "vitest";
import { idOf } from "./monitor";
import { daysUntil, lasting, uptime } from "./words";

test("uptime is 100 % only where nothing is missing", () => {
  expect(uptime(1)).toBe("100%");
  expect(uptime(0.9999999)).toBe("99.99%");
  expect(uptime(0.9951)).toBe("99.51%");
  expect(uptime(0.5)).toBe("50.0%");
  expect(uptime(0)).toBe("0.0%");
  expect(uptime(null)).toBe("–");
});

test("a time is told in its two largest units", () => {
  expect([5, 60, 3_599, 3_600, 7_500, 90_061].map(lasting)).toEqual(["5 s", "1 min", "59 min", "1 h", "2 h 5 min", "1 d 1 h"]);
});

test("an end that has passed is below zero", () => {
  const now = Date.parse("2026-11-21T00:00:00Z");
  expect(daysUntil("2026-11-23T12:00:00Z", now)).toBe(2);
  expect(daysUntil("2026-11-20T23:00:00Z", now)).toBe(-1);
});

test("a name becomes an id", () => {
  expect(idOf("Zahlungen (Übersee) 2.0 ")).toBe("zahlungen-ubersee-2-0");
  expect(idOf("日本")).toBe("");
});
