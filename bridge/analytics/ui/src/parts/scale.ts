/** Scales: round tops for the y axis, marks for the time axis. No drawing here. */
import { clock, day } from "../format";
import { midnight, offsetOf } from "../period";

export const gutter = (width: number) => (width < 500 ? 36 : 48);

/** The next round number at or above a value. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((each) => each * power >= value * 0.9999) ?? 10;
  return found * power;
}

/** At most `most` round marks above zero, up to the top. */
export function marks(top: number, most: number): number[] {
  const each = [1, 2, 2.5, 5, 10].map((step) => step * 10 ** Math.floor(Math.log10(top / most)));
  const step = each.find((one) => top / one <= most * 1.001) ?? top / most;
  const found: number[] = [];
  for (let at = step; at <= top * 1.001; at += step) found.push(at);
  return found;
}

export interface TimeMark {
  /** Where, in steps from the left. */
  at: number;
  label: string;
  /** A new day carries its date. */
  strong: boolean;
}

const MINUTES = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440, 28 * 1440, 91 * 1440];
const MINUTE = 60_000;

export function timeMarks(times: number[], end: number, pixels: number, zone: string, least = 64): TimeMark[] {
  const first = times[0];
  if (first === undefined || pixels <= 0) return [];
  const minutes = (end - first) / MINUTE;
  const step = MINUTES.find((each) => each / minutes * pixels >= least) ?? 91 * 1440;
  const found: TimeMark[] = [];
  const put = (time: number, label: string, strong: boolean) => {
    const at = place(times, end, time);
    if (at !== null) found.push({ at, label, strong });
  };
  if (step >= 1440) {
    const days = step / 1440;
    for (let time = midnight(first + 86_399_999, zone); time < end; time = midnight(time + 43_200_000, zone, 1)) {
      const dayNumber = Math.floor((time + offsetOf(time, zone)) / 86_400_000);
      if (dayNumber % days === 0) put(time, day(time, zone), days === 1 && false);
    }
    return found;
  }
  const ahead = offsetOf(first, zone);
  for (let wall = Math.ceil((first + ahead) / (step * MINUTE)) * step * MINUTE; wall - ahead < end; wall += step * MINUTE) {
    const guess = wall - ahead;
    // Across a change of the clock the marks stay on round wall times.
    const time = wall - offsetOf(guess, zone);
    const newDay = wall % 86_400_000 === 0;
    put(time, newDay ? day(time, zone) : clock(time, zone), newDay);
  }
  return found;
}

/** A time as a place on an axis whose steps all have the same width. */
export function place(times: number[], end: number, time: number): number | null {
  const first = times[0];
  if (first === undefined || time < first || time > end) return null;
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((times[middle] ?? Infinity) <= time) low = middle;
    else high = middle - 1;
  }
  const from = times[low] ?? first;
  const to = times[low + 1] ?? Math.max(end, from + 1);
  return low + Math.min(1, (time - from) / (to - from));
}
