import { describe, expect, test } from "vitest";
import { ago, bytes, change, offset, percent, tick, words } from "./format";

describe("numbers", () => {
  test("keep three figures that mean something, and their unit", () => {
    expect(bytes(61_400_000_000)).toEqual({ number: "61.4", unit: "GB" });
    expect(bytes(999)).toEqual({ number: "999", unit: "B" });
    expect(bytes(999_600)).toEqual({ number: "1.00", unit: "MB" });
    expect(words(1234567, "")).toBe("1,234,567");
    expect(words(null, "ms")).toBe("–");
  });

  test("a small rate is not nothing, and nearly all is not all", () => {
    expect(percent(0.00001)).toBe("< 0.01");
    expect(percent(0.99999)).toBe("99.99");
    expect(percent(1)).toBe("100");
  });

  test("an axis groups thousands and shortens from ten thousand on", () => {
    expect(tick(4000, "", 5000)).toBe("4,000");
    expect(tick(40_000, "", 50_000)).toBe("40k");
  });
});

describe("changes", () => {
  test("more errors are worse, a quicker answer is better, more calls are neither", () => {
    expect(change(0.02, 0.01, "%", -1)).toEqual({ text: "▲ 1.00 pt", verdict: "bad" });
    expect(change(90, 100, "ms", -1)).toEqual({ text: "▼ 10 ms", verdict: "good" });
    expect(change(200, 100, "", 0)).toEqual({ text: "▲ 100%", verdict: "" });
  });

  test("from nothing is new, and without a period before there is no change", () => {
    expect(change(5, 0, "", 0)).toEqual({ text: "new", verdict: "" });
    expect(change(5, null, "", 0)).toBeNull();
  });
});

test("offsets and ages read as people say them", () => {
  expect(offset(Date.UTC(2026, 11, 1), "Europe/Berlin")).toBe("UTC+1");
  expect(offset(Date.UTC(2026, 11, 1), "America/St_Johns")).toBe("UTC−3:30");
  expect(ago(130)).toBe("2 min ago");
});
