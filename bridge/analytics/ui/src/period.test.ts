import { describe, expect, test } from "vitest";
import { atWall, midnight, moment, resolve, step, written } from "./period";

const BERLIN = "Europe/Berlin";
const HOUR = 3_600_000;

describe("periods", () => {
  test("a wall time is the zone's, in summer and in winter, and comes back as it was written", () => {
    expect(moment("2026-07-01T12:00", BERLIN)).toBe(Date.UTC(2026, 6, 1, 10));
    expect(moment("2026-12-01T12:00", BERLIN)).toBe(Date.UTC(2026, 11, 1, 11));
    expect(written(Date.UTC(2026, 11, 1, 11), BERLIN)).toBe("2026-12-01T12:00");
  });

  test("days around a change of the clock have 23 and 25 hours", () => {
    const spring = midnight(Date.UTC(2026, 2, 29, 12), BERLIN);
    expect(midnight(spring + 12 * HOUR, BERLIN, 1) - spring).toBe(23 * HOUR);
    const autumn = midnight(Date.UTC(2026, 9, 25, 12), BERLIN);
    expect(midnight(autumn + 12 * HOUR, BERLIN, 1) - autumn).toBe(25 * HOUR);
  });

  test("a wall time in the hour that is skipped lies after it", () => {
    expect(atWall(2026, 2, 29, 2, 30, BERLIN)).toBe(Date.UTC(2026, 2, 29, 1, 30));
  });

  test("today begins at the zone's midnight, relative periods end now, nonsense is 24 hours", () => {
    const now = Date.UTC(2026, 11, 1, 0, 30);
    expect(resolve("today", "now", now, BERLIN)).toEqual({ from: Date.UTC(2026, 10, 30, 23), to: now });
    expect(resolve("-90m", "now", now, BERLIN).from).toBe(now - 1.5 * HOUR);
    expect(resolve("soon", "now", now, BERLIN).from).toBe(now - 24 * HOUR);
  });

  test("the step keeps the number of points within what is asked for", () => {
    expect(step({ from: 0, to: 24 * HOUR }).interval).toBe("5m");
    expect(step({ from: 0, to: 30 * 24 * HOUR }).interval).toBe("3h");
    expect(step({ from: 0, to: 24 * HOUR }, 32).interval).toBe("1h");
  });
});
