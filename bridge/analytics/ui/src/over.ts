/** Answers over time, laid out for the plots of one axis; deployments and gaps beside them. */
import { effect, signal } from "@preact/signals";
import { address, type Filter } from "./address";
import { fine, now, request, span, useAnswer, type Asked } from "./ask";
import { late, state } from "./books";
import { clock } from "./format";
import { seesAll } from "./me";
import { label, type Span, type Step } from "./period";
import { MEASURES } from "./fields";
import { number, series, timeOf, was, type Question, type Row } from "./questions";
import type { Flag, Gap } from "./parts/plot";
import type { Axis } from "./parts/reader";
import { place } from "./parts/scale";
import type { Points } from "./parts/spark";

export interface Over {
  asked: Asked;
  axis: Axis;
  /** All figures, the first and the last step too; these may be cut by the period's ends. */
  of: (measure: string) => Points;
  before: (measure: string) => Points;
  /** For lines: a step that is cut or not over yet would dive to the ground, so it is left out. */
  drawn: (measure: string) => Points;
}

/** The period as it stands within a sentence: last 24 hours. */
export function periodWords(): string {
  const { from, to, zone } = address.value;
  return label(from, to, span.value, zone).toLowerCase();
}

const NONE: Axis = { times: [], end: 0 };

export function axisOf(asked: Asked, right?: number): Axis {
  if (!asked.answer) return NONE;
  const { times, span } = asked.answer;
  return { times, end: span.to, ...(right === undefined ? {} : { right }) };
}

export function whole(points: Points, asked: Asked): Points {
  if (!asked.answer || points.length < 3) return points;
  const { times, span } = asked.answer;
  const last = times[times.length - 1] ?? 0;
  const length = (times[times.length - 1] ?? 0) - (times[times.length - 2] ?? 0);
  return points.map((point, at) => ((at === 0 && (times[0] ?? 0) < span.from) || (at === points.length - 1 && last + length > span.to + 1000) ? null : point));
}

export function useOver(measures: string[], { compare = false, right, also, step = fine.value }: { compare?: boolean; right?: number; also?: Filter[]; step?: Step } = {}, name?: string): Over {
  const question: Question = { measures, step, compare: compare && address.value.compare, ...(also ? { also } : {}) };
  const asked = useAnswer(question, name);
  const rows = asked.answer?.rows ?? [];
  const times = asked.answer?.times ?? [];
  const adds = (measure: string) => MEASURES[measure]?.adds ?? measure === "users";
  const of = (measure: string) => series(rows, measure, times, adds(measure));
  return {
    asked,
    axis: axisOf(asked, right),
    of,
    before: (measure) => (question.compare ? whole(series(rows, measure, times, adds(measure), was), asked) : []),
    drawn: (measure) => whole(of(measure), asked),
  };
}

export interface Failing {
  e4: Points;
  e5: Points;
  thr: Points;
  other: Points;
  ok: Points;
  calls: Points;
}

/** Calls by how they ended, from rows by status class: throttled calls are told apart from the class of their status. */
export function failing(rows: Row[], times: number[]): Failing {
  const empty = () => times.map(() => 0);
  const [e4, e5, thr, other, ok, calls] = [empty(), empty(), empty(), empty(), empty(), empty()] as [number[], number[], number[], number[], number[], number[]];
  const places = new Map(times.map((time, at) => [time, at]));
  for (const row of rows) {
    const at = places.get(timeOf(row));
    if (at === undefined) continue;
    const all = number(row, "calls") ?? 0;
    const wrong = number(row, "errors") ?? 0;
    const throttled = number(row, "throttled") ?? 0;
    const rest = Math.max(0, wrong - throttled);
    const into = row["status_class"] === "4xx" ? e4 : row["status_class"] === "5xx" ? e5 : other;
    calls[at] = (calls[at] ?? 0) + all;
    ok[at] = (ok[at] ?? 0) + all - wrong;
    thr[at] = (thr[at] ?? 0) + throttled;
    into[at] = (into[at] ?? 0) + rest;
  }
  return { e4, e5, thr, other, ok, calls };
}

export const total = (points: Points) => points.reduce<number>((sum, point) => sum + (point ?? 0), 0);

/** Where nothing is known: from the last word of a gateway that is silent to the end. */
export function gapsOf(axis: Axis): Gap[] {
  const known = state.value;
  if (!known || axis.times.length === 0) return [];
  const { zone } = address.value;
  return known.senders
    .filter((sender) => late(sender, known.at) && sender.seen !== null && sender.seen < axis.end)
    .slice(0, 1)
    .map((sender) => {
      const from = Math.max(axis.times[0] ?? 0, sender.seen ?? 0);
      return { from: place(axis.times, axis.end, from) ?? 0, to: axis.times.length, label: `${sender.name}: no data since ${clock(from, zone)}` };
    });
}

interface Annotation {
  time: number;
  text: string;
}
const annotations = signal<Annotation[]>([]);

async function askAnnotations({ from, to }: Span): Promise<void> {
  try {
    const within = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
    const body = (await (await request(`api/annotations?${within}`)).json()) as { annotations?: { time: string; text: string }[] } | { time: string; text: string }[];
    const list = Array.isArray(body) ? body : (body.annotations ?? []);
    annotations.value = list.map(({ time, text }) => ({ time: Date.parse(time), text })).filter(({ time }) => Number.isFinite(time));
  } catch {
    // Plots without deployments are complete plots.
  }
}

/** Asked again whenever the page refreshes its figures. */
export function keepAnnotations(): void {
  effect(() => {
    void now.value;
    if (seesAll()) void askAnnotations(span.value);
  });
}

export function flagsOf(axis: Axis): Flag[] {
  return annotations.value.flatMap(({ time, text }) => {
    const at = place(axis.times, axis.end, time);
    return at === null ? [] : [{ at, label: text }];
  });
}
