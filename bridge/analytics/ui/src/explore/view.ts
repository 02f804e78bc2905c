/** A view: a question and the form in which its answer is shown. It says no period and no zone: those are the address'.
 * The same on a board, in the address of Explore, and in the data API. */
import type { Filter } from "../address";
import { DIMENSIONS, fieldLabel, MEASURES } from "../fields";
import { readFilters, wireFilters, type WireFilter } from "../questions";

export interface FormOf {
  label: string;
  /** Fewest and most measures, and dimensions, that it shows. */
  measures: [number, number];
  by: [number, number];
  /** How many rows it may be held to. */
  limits?: number[];
}
export const FORMS = {
  time: { label: "Over time", measures: [1, 1], by: [0, 2] },
  segment: { label: "Bars", measures: [1, 1], by: [1, 2], limits: [5, 10, 25, 50, 100] },
  table: { label: "Table", measures: [1, 12], by: [0, 6], limits: [5, 10, 25, 50, 100] },
  heatmap: { label: "Heat map", measures: [1, 1], by: [2, 2] },
  map: { label: "Map", measures: [1, 1], by: [1, 1] },
  events: { label: "Events", measures: [0, 0], by: [0, 0], limits: [5, 10, 25, 50] },
} satisfies Record<string, FormOf>;
export type Form = keyof typeof FORMS;
export type Width = 1 | 2 | 3;
export const ROWS = 10;

export interface View {
  title: string;
  form: Form;
  width: Width;
  measures: string[];
  by: string[];
  filters: Filter[];
  /** A measure, with - in front when the largest comes first. */
  order?: string;
  limit?: number;
}

/** What is added where a form needs more dimensions than there are. */
const NEXT: Record<string, string> = { weekday: "hour", hour: "weekday", status_class: "api" };

/** The view as its form can show it: the rest of the question is left out, what is missing is added. */
export function fitted(view: View): View {
  const { measures, by, limits } = FORMS[view.form] as FormOf;
  const fields = view.form === "map" ? ["country"] : view.by.filter((field, at, all) => all.indexOf(field) === at).slice(0, by[1]);
  while (fields.length < by[0]) {
    const last = fields[fields.length - 1];
    fields.push(last === undefined ? "api" : (NEXT[last] ?? "status_class"));
  }
  const counted = [...new Set(view.measures)].slice(0, measures[1]);
  if (counted.length < measures[0]) counted.push("calls");
  const { order, limit, ...rest } = view;
  return {
    ...rest, measures: counted, by: fields,
    ...(order && view.form === "table" && counted.includes(order.replace(/^-/, "")) ? { order } : {}),
    ...(limit && limits && limit <= (limits[limits.length - 1] ?? 0) ? { limit } : {}),
  };
}

const lower = (label: string) => (/^[A-Z]{2}/.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1));
const listed = (names: string[]) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`);
export const measureLabel = (measure: string) => MEASURES[measure]?.label ?? measure;

/** What a view is called until somebody names it. */
export function titleOf({ form, measures, by }: Pick<View, "form" | "measures" | "by">): string {
  if (form === "events") return "Newest events";
  const counted = listed(measures.map((measure, at) => (at === 0 ? measureLabel(measure) : lower(measureLabel(measure)))));
  return by.length ? `${counted} by ${listed(by.map((field) => lower(fieldLabel(field))))}` : counted;
}

/** The question of the address: `measure=calls,errors&by=api,status&form=table&order=-errors&limit=25`. */
export function viewOf(own: Record<string, string>, filters: Filter[]): View {
  const names = (key: string, known: object, least: string) => (own[key] ?? least).split(",").filter((name) => name in known);
  const form = (own["form"] ?? "") in FORMS ? (own["form"] as Form) : "time";
  const limit = Number(own["limit"] ?? 0);
  const view: View = {
    title: "", width: 1, form, filters, measures: names("measure", MEASURES, "calls"), by: names("by", DIMENSIONS, "api"),
    ...(own["order"] ? { order: own["order"] } : {}), ...(limit > 0 ? { limit } : {}),
  };
  const shown = fitted(view);
  return { ...shown, title: titleOf(shown) };
}

export function ownOf({ form, measures, by, order, limit }: View): Record<string, string> {
  return { form, measure: measures.join(","), by: by.join(","), ...(order ? { order } : {}), ...(limit ? { limit: String(limit) } : {}) };
}

export interface WireView {
  title: string;
  form: string;
  width?: number;
  question: { measures?: string[]; by?: string[]; filters?: WireFilter[]; order?: string; limit?: number };
}

export function readView({ title, form, width = 1, question }: WireView): View {
  const { measures = [], by = [], filters = [], order, limit } = question;
  return { title, form: form in FORMS ? (form as Form) : "table", width: width as Width, measures, by, filters: readFilters(filters), ...(order ? { order } : {}), ...(limit ? { limit } : {}) };
}

export function writeView({ title, form, width, measures, by, filters, order, limit }: View): WireView {
  return {
    title, form, width,
    question: {
      ...(measures.length ? { measures } : {}), ...(by.length ? { by } : {}), ...(filters.length ? { filters: wireFilters(filters) } : {}),
      ...(order ? { order } : {}), ...(limit ? { limit } : {}),
    },
  };
}
