/** The period: relative as it stands in the address, resolved once for a whole page, so that all its questions
 * speak of the same span and their answers add up. */
import { clock, day, dayAndClock, fullDay } from "./format";

export interface Span {
  from: number;
  to: number;
}
export interface Choice {
  from: string;
  label: string;
  /** The words for what lies before it, of the same length. */
  before: string;
}

export const CHOICES: Choice[] = [
  { from: "-15m", label: "Last 15 minutes", before: "15 minutes" },
  { from: "-1h", label: "Last hour", before: "hour" },
  { from: "-6h", label: "Last 6 hours", before: "6 hours" },
  { from: "-24h", label: "Last 24 hours", before: "24 hours" },
  { from: "-7d", label: "Last 7 days", before: "7 days" },
  { from: "-30d", label: "Last 30 days", before: "30 days" },
  { from: "-90d", label: "Last 90 days", before: "90 days" },
  { from: "today", label: "Today", before: "same span" },
  { from: "month", label: "This month", before: "same span" },
  { from: "all", label: "All time", before: "same span" },
];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS: Record<string, number> = { s: 1000, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** Milliseconds by which the zone's clock is ahead of UTC at a time. */
export function offsetOf(time: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(time);
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value ?? 0);
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(time / 1000) * 1000;
}

/** The time at which the zone's clocks show a wall time; in the hour that is skipped, the time after it. */
export function atWall(year: number, month: number, date: number, hour: number, minute: number, zone: string): number {
  const wall = Date.UTC(year, month, date, hour, minute);
  const first = wall - offsetOf(wall, zone);
  return wall - offsetOf(first, zone);
}

export function midnight(time: number, zone: string, days = 0, firstOfMonth = false): number {
  const local = new Date(time + offsetOf(time, zone));
  return atWall(local.getUTCFullYear(), local.getUTCMonth(), firstOfMonth ? 1 : local.getUTCDate() + days, 0, 0, zone);
}

export function resolve(from: string, to: string, now: number, zone: string, oldest?: number): Span {
  const end = to === "now" ? now : (moment(to, zone) ?? now);
  const relative = /^-(\d+)([smhdw])$/.exec(from);
  let start: number | undefined;
  if (relative) start = end - Number(relative[1]) * (UNITS[relative[2] ?? ""] ?? DAY);
  else if (from === "today") start = midnight(now, zone);
  else if (from === "month") start = midnight(now, zone, 0, true);
  else if (from === "all") start = oldest ?? end - 30 * DAY;
  else start = moment(from, zone);
  if (start === undefined || start >= end) start = end - DAY;
  return { from: start, to: end };
}

/** A wall time as it stands in the address: 2026-11-24 or 2026-11-24T14:30, in the page's zone. */
export function moment(text: string, zone: string): number | undefined {
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (!parts) return undefined;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return atWall(year, month - 1, date, hour, minute, zone) + second * 1000;
}

export function written(time: number, zone: string): string {
  const local = new Date(time + offsetOf(time, zone)).toISOString();
  return local.slice(17, 19) === "00" ? local.slice(0, 16) : local.slice(0, 19);
}

const UNIT_WORDS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** A period held to bounds; one that lies outside of them altogether is empty at their edge. */
export function within({ from, to }: Span, { earliest, latest }: { earliest: number | null; latest: number | null }): Span {
  const end = Math.min(to, latest ?? to);
  const start = Math.max(from, earliest ?? from);
  return { from: Math.min(start, Math.max(end - 1, earliest ?? end - 1)), to: Math.max(end, start + 1) };
}

export function label(from: string, to: string, span: Span, zone: string): string {
  const choice = to === "now" ? CHOICES.find((each) => each.from === from) : undefined;
  if (choice) return choice.label;
  const relative = /^-(\d+)([smhdw])$/.exec(from);
  if (relative && to === "now") return relative[1] === "1" ? `Last ${UNIT_WORDS[relative[2] ?? "d"]}` : `Last ${relative[1]} ${UNIT_WORDS[relative[2] ?? "d"]}s`;
  return spanWords(span, zone);
}

export function spanWords({ from, to }: Span, zone: string): string {
  if (day(from, zone) === day(to, zone) && to - from < DAY) return `${day(from, zone)} ${clock(from, zone)} – ${clock(to, zone)}`;
  if (to - from > 40 * DAY) return `${fullDay(from, zone)} – ${fullDay(to, zone)}`;
  return `${dayAndClock(from, zone)} – ${dayAndClock(to, zone)}`;
}

export function before(from: string, to: string, span: Span): string {
  const choice = to === "now" ? CHOICES.find((each) => each.from === from) : undefined;
  if (choice) return choice.before;
  const minutes = Math.round((span.to - span.from) / MINUTE);
  if (minutes % 1440 === 0) return minutes === 1440 ? "day" : `${minutes / 1440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? "hour" : `${minutes / 60} hours`;
  return minutes < 180 ? `${minutes} minutes` : "same span";
}

export interface Step {
  /** As the data API takes it. */
  interval: string;
  length: number;
  words: string;
}
const STEPS: Step[] = [
  { interval: "1m", length: MINUTE, words: "per minute" },
  { interval: "5m", length: 5 * MINUTE, words: "per 5 minutes" },
  { interval: "15m", length: 15 * MINUTE, words: "per 15 minutes" },
  { interval: "1h", length: HOUR, words: "per hour" },
  { interval: "3h", length: 3 * HOUR, words: "per 3 hours" },
  { interval: "6h", length: 6 * HOUR, words: "per 6 hours" },
  { interval: "1d", length: DAY, words: "per day" },
  { interval: "1w", length: 7 * DAY, words: "per week" },
];

/** The finest step that makes at most `most` points: a line has room for 300, a spark for 32. */
export function step({ from, to }: Span, most = 300): Step {
  return STEPS.find((each) => (to - from) / each.length <= most) ?? (STEPS[STEPS.length - 1] as Step);
}
