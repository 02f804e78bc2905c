/** Numbers and times as the page writes them: grouped, tabular, each with its unit. */
import type { Unit } from "./fields";

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export interface Figure {
  number: string;
  unit: string;
}

export function count(value: number): string {
  return grouped.format(Math.round(value));
}

/** Three figures that mean something: 61.4 GB, 812 kB, 4 B. Powers of ten, as networks count. */
export function bytes(value: number): Figure {
  return scaled(value, ["B", "kB", "MB", "GB", "TB", "PB"]);
}

function scaled(value: number, units: readonly string[]): Figure {
  let step = 0;
  let left = Math.abs(value);
  while (left >= 999.5 && step < units.length - 1) {
    left /= 1000;
    step += 1;
  }
  const number = step === 0 ? count(left) : left.toFixed(left < 9.995 ? 2 : left < 99.95 ? 1 : 0);
  return { number: (value < 0 ? "−" : "") + number, unit: units[step] ?? "" };
}

/** Percentages keep two digits below ten, so that 0.04 % is not 0 %. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return String(value);
  if (value > 99.99) return "99.99";
  if (value < 0.01) return "< 0.01";
  return value.toFixed(value < 10 || value > 99 ? 2 : 1);
}

export function milliseconds(value: number): string {
  return value !== 0 && Math.abs(value) < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
}

export function figure(value: number | null | undefined, unit: Unit): Figure {
  if (value === null || value === undefined || Number.isNaN(value)) return { number: "–", unit: "" };
  if (unit === "%") return { number: percent(value), unit: "%" };
  if (unit === "ms") return { number: milliseconds(value), unit: "ms" };
  if (unit === "bytes") return bytes(value);
  return { number: count(value), unit: "" };
}

export function words(value: number | null | undefined, unit: Unit): string {
  const { number, unit: of } = figure(value, unit);
  return of === "%" ? number + of : of ? `${number} ${of}` : number;
}

/** For an axis: short, without digits that say nothing. `top` decides the scale for all its marks. */
export function tick(value: number, unit: Unit, top: number): string {
  if (unit === "%") return `${+(value * 100).toFixed(top < 0.02 ? 2 : top < 0.2 ? 1 : 0)}%`;
  if (unit === "bytes") {
    if (value === 0) return "0";
    const { number, unit: of } = bytes(value);
    return `${+number} ${of}`;
  }
  // There are no half calls.
  if (unit === "" && !Number.isInteger(value)) return "";
  if (top >= 2e6) return `${+(value / 1e6).toFixed(1)}M`;
  if (top >= 1e4) return `${+(value / 1e3).toFixed(1)}k`;
  return value >= 1000 ? count(value) : String(+value.toFixed(2));
}

export interface Change {
  text: string;
  /** worse, better, or neither: the third is grey. */
  verdict: "bad" | "good" | "";
}

/** The change against the period before. Rates and times change in their own unit, counts in percent. */
export function change(now: number | null | undefined, before: number | null | undefined, unit: Unit, good: -1 | 0 | 1): Change | null {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  const difference = now - before;
  const arrow = difference > 0 ? "▲" : "▼";
  const verdict = (significant: boolean) => (good === 0 || !significant ? "" : difference > 0 === good > 0 ? "good" : "bad");
  if (unit === "%") {
    const points = Math.abs(difference) * 100;
    return points < 0.005 ? { text: "± 0", verdict: "" } : { text: `${arrow} ${points.toFixed(points < 10 ? 2 : 1)} pt`, verdict: verdict(points >= 0.05) };
  }
  if (unit === "ms") {
    const size = milliseconds(Math.abs(difference));
    return size === "0" ? { text: "± 0", verdict: "" } : { text: `${arrow} ${size} ms`, verdict: verdict(Math.abs(difference) > Math.abs(before) * 0.02) };
  }
  if (difference === 0) return { text: "± 0", verdict: "" };
  if (before === 0) return { text: "new", verdict: "" };
  const share = Math.abs(difference / before) * 100;
  if (share >= 1000) return { text: `${arrow} ${count(now / before)} ×`, verdict: verdict(true) };
  return { text: `${arrow} ${share.toFixed(share < 9.95 ? 1 : 0)}%`, verdict: verdict(share >= 1) };
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone, hourCycle: "h23" })));
  return found;
}

export const clock = (time: number, zone: string) => format(zone, { hour: "2-digit", minute: "2-digit" }).format(time);
export const clockSeconds = (time: number, zone: string) => format(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(time);
export const clockMillis = (time: number, zone: string) => `${clockSeconds(time, zone)}.${String(Math.floor(time % 1000)).padStart(3, "0")}`;
export function day(time: number, zone: string): string {
  return format(zone, { weekday: "short", day: "numeric", month: "short" }).format(time).replace(",", "");
}
export function fullDay(time: number, zone: string): string {
  return format(zone, { day: "numeric", month: "short", year: "numeric" }).format(time);
}
export const dayAndClock = (time: number, zone: string) => `${day(time, zone)} ${clock(time, zone)}`;

/** How long ago, in the largest unit that says enough. */
export function ago(seconds: number): string {
  if (seconds < 1.5) return "1 s ago";
  if (seconds < 99.5) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** The offset of a zone at a time: UTC+1, UTC−3:30. */
export function offset(time: number, zone: string): string {
  const part = format(zone, { timeZoneName: "longOffset" }).formatToParts(time).find((each) => each.type === "timeZoneName")?.value ?? "GMT";
  return part.replace("GMT", "UTC").replace("-", "−").replace(/([+−])0/, "$1").replace(":00", "");
}

export const place = (zone: string) => (zone.split("/").pop() ?? zone).replaceAll("_", " ");
