import { expect, test } from "vitest";
import { fits, renewIn } from "./parent";

test("an origin fits as the policy of the page reads it", () => {
  const ancestors = ["self", "https://portal.example.com", "https://*.example.org"];
  const of = (origin: string) => fits(origin, ancestors, "https://here.example.net");
  expect(["https://here.example.net", "https://portal.example.com", "https://a.example.org"].map(of)).toEqual([true, true, true]);
  expect(["http://portal.example.com", "https://portal.example.com.evil.com", "https://example.org", "https://evilexample.org", "null"].map(of)).toEqual([false, false, false, false, false]);
});

test("a token is asked for a minute before its end, or at half of a short life", () => {
  expect(renewIn(3_600_000, 0)).toBe(3_540_000);
  expect(renewIn(60_000, 0)).toBe(30_000);
  expect(renewIn(0, 5)).toBe(0);
  expect(renewIn(40 * 86_400_000, 0)).toBe(2 ** 31 - 1);
});
