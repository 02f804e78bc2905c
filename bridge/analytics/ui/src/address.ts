/** The address is the state: page, period, zone, comparison and filters, each way, so that Back and a shared link work.
 *
 * `?page=errors&from=-7d&api=Orders&bot.not=true&path.contains=/order`: a filter is its field, an operator after a dot
 * (none is "is") and its value; a field that stands twice has several values; an empty value is "none".
 * A query and no path, so that the page works below whatever path a proxy gives it. */
import { computed, signal } from "@preact/signals";
import { DIMENSIONS } from "./fields";

export const OPERATORS = ["is", "not", "contains", "contains_not", "matches", "matches_not", "from", "to", "above", "at_most"] as const;
export type Operator = (typeof OPERATORS)[number];
/** Several values are alternatives. null stands for events without a value. */
export interface Filter {
  field: string;
  op: Operator;
  values: (string | null)[];
}
export interface Address {
  page: string;
  from: string;
  to: string;
  zone: string;
  compare: boolean;
  filters: Filter[];
  /** What one page alone understands: an open event, a search, a chosen figure. */
  own: Record<string, string>;
}

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const FIRST: Address = { page: "overview", from: "-24h", to: "now", zone: ownZone, compare: true, filters: [], own: {} };

/** Whether what is gone to can be gone back from; a page in a frame leaves Back to the page around it. */
let goesBack = true;

/** What an address means that says nothing: a public page has a period and a zone of its own. */
export function startAt(first: Partial<Address>, back: boolean): void {
  Object.assign(FIRST, first);
  goesBack = back;
  address.value = parse(location.search);
}

/** Puts a query into the address bar; what stands behind # stays, for it may be the token of an embedded page. */
function enter(query: string, how: "push" | "replace"): void {
  history[how === "push" && goesBack ? "pushState" : "replaceState"](null, "", query + location.hash);
}

export function parse(search: string): Address {
  const address: Address = { ...FIRST, filters: [], own: {} };
  for (const [key, value] of new URLSearchParams(search)) {
    const [field = "", op = "is"] = key.split(".");
    if (key === "page") address.page = value;
    else if (key === "from") address.from = value;
    else if (key === "to") address.to = value;
    else if (key === "zone") address.zone = known(value) ? value : FIRST.zone;
    else if (key === "compare") address.compare = value !== "off";
    else if (field in DIMENSIONS || field === "latency" || field === "backend_latency") {
      if (isOperator(op)) put(address.filters, field, op, value === "" ? null : value);
    } else address.own[key] = value;
  }
  return address;
}

export function print(address: Address): string {
  const query = new URLSearchParams();
  const { page, from, to, zone, compare } = address;
  if (page !== FIRST.page) query.set("page", page);
  if (from !== FIRST.from) query.set("from", from);
  if (to !== FIRST.to) query.set("to", to);
  if (zone !== FIRST.zone) query.set("zone", zone);
  if (compare !== FIRST.compare) query.set("compare", compare ? "on" : "off");
  for (const { field, op, values } of address.filters) {
    for (const value of values) query.append(op === "is" ? field : `${field}.${op}`, value ?? "");
  }
  for (const [key, value] of Object.entries(address.own)) query.set(key, value);
  // Slashes, colons and commas are allowed in a query; an address that people read keeps them.
  const text = query.toString().replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%40/g, "@");
  return "?" + text;
}

function isOperator(text: string): text is Operator {
  return (OPERATORS as readonly string[]).includes(text);
}

function known(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function put(filters: Filter[], field: string, op: Operator, value: string | null): void {
  const same = filters.find((each) => each.field === field && each.op === op);
  if (!same) filters.push({ field, op, values: [value] });
  else if (!same.values.includes(value)) same.values.push(value);
}

/** The filters with one more condition: "only this" replaces what was asked of the field, "all but this" adds to it. */
export function withFilter(filters: Filter[], field: string, op: Operator, value: string | null): Filter[] {
  if (op === "is") return [...filters.filter((each) => each.field !== field), { field, op, values: [value] }];
  if (op !== "not") return [...filters.filter((each) => each.field !== field || each.op !== op), { field, op, values: [value] }];
  const kept = filters
    .map((each) => (each.field === field && each.op === "is" ? { ...each, values: each.values.filter((one) => one !== value) } : each))
    .filter((each) => each.values.length > 0);
  const same = kept.find((each) => each.field === field && each.op === "not");
  if (!same) return [...kept, { field, op, values: [value] }];
  return kept.map((each) => (each === same ? { ...same, values: [...new Set([...same.values, value])] } : each));
}

export const address = signal<Address>(FIRST);
export const filters = computed(() => address.value.filters);

/** The only value that a field is held to, or undefined. */
export function only(field: string): string | null | undefined {
  const filter = address.value.filters.find((each) => each.field === field && each.op === "is");
  return filter && filter.values.length === 1 ? filter.values[0] : undefined;
}

/** The address after a change; what belongs to a page alone does not follow to another. */
export function changed(change: Partial<Address>): Address {
  const now = address.value;
  const moved = change.page !== undefined && change.page !== now.page;
  return { ...now, ...(moved ? { own: {} } : {}), ...change };
}

export function link(change: Partial<Address>): string {
  return print(changed(change));
}

export function filterLink(field: string, value: string | null, op: Operator = "is", change: Partial<Address> = {}): string {
  return link({ ...change, filters: withFilter(address.value.filters, field, op, value) });
}

export function go(change: Partial<Address>, how: "push" | "replace" = "push"): void {
  const next = print(changed(change));
  if (next === print(address.value)) return;
  enter(next, how);
  address.value = parse(next);
}

export function own(key: string, value: string | undefined, how: "push" | "replace" = "replace"): void {
  const { [key]: _, ...rest } = address.value.own;
  go({ own: value === undefined ? rest : { ...rest, [key]: value } }, how);
}

/** Follows Back, Forward and each plain click on an anchor whose address is one of ours. */
export function follow(): void {
  const read = () => {
    address.value = parse(location.search);
  };
  addEventListener("popstate", read);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const anchor = event.target instanceof Element ? event.target.closest("a") : null;
    const to = (event.altKey && anchor?.dataset["not"]) || anchor?.getAttribute("href");
    if (!to?.startsWith("?")) return;
    event.preventDefault();
    const before = address.value.page;
    enter(to, "push");
    read();
    if (address.value.page !== before) scrollTo(0, 0);
  });
  read();
}
