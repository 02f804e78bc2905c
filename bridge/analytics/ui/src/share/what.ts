/** What of the page that is open can be shown to somebody else: the views that it offers, and what they are held to. */
import { only, type Address, type Filter } from "../address";
import { CONSUMERS } from "./can";
import { titleOf, viewOf, type View } from "../explore/view";
import { valueLabel } from "../fields";

export interface Offer {
  /** What the workspace is called unless somebody names it. */
  name: string;
  views: View[];
  locked: Filter[];
}

const view = (form: View["form"], measures: string[], by: string[], limit?: number): View => {
  const found: View = { title: "", form, width: 3, measures, by, filters: [], ...(limit ? { limit } : {}) };
  return { ...found, title: titleOf(found) };
};

const EVENTS = view("events", [], []);
const RESOURCES = view("table", ["calls", "error_rate", "latency_p95"], ["resource", "method"], 25);
const APIS = view("table", ["calls", "error_rate", "latency_p95"], ["api", "version"], 25);
const WEEK = view("heatmap", ["calls"], ["weekday", "hour"]);
const COUNTRIES = view("map", ["calls"], ["country"]);

/** By these no view can be locked: the first is kept beside the calls, and the others depend on the reader's time zone. */
const UNFIT = new Set(["correlation_id", "hour", "weekday"]);

export function offerOf({ page, own, filters }: Address): Offer {
  const loose = filters.filter((filter) => UNFIT.has(filter.field));
  const locked = filters.filter((filter) => !UNFIT.has(filter.field));
  const held = (views: View[]) => views.map((each) => ({ ...each, filters: loose }));
  if (page === "explore") {
    const asked = viewOf(own, filters);
    return { name: asked.title, views: held([asked]), locked };
  }
  if (page === "apis") return { name: only("api") ?? "API", views: held([view("time", ["calls"], ["status_class"]), RESOURCES, EVENTS, view("time", ["latency_p95"], []), COUNTRIES, WEEK]), locked };
  const one = CONSUMERS.find((field) => typeof only(field) === "string");
  const named = one ? `Calls of ${valueLabel(one, only(one))}` : "Your calls";
  if (page === "consumers") return { name: named, views: held([EVENTS, view("time", ["calls"], ["api"]), APIS, RESOURCES, COUNTRIES, WEEK]), locked };
  return { name: named, views: held([EVENTS, view("time", ["calls"], ["api"]), RESOURCES]), locked };
}
