/** Workspaces as the server keeps them: a view, what it is held to, and its links. The only module that knows how they are written. */
import type { Filter } from "../address";
import { request } from "../ask";
import { readView, type View } from "../explore/view";
import { readFilters, wireFilters, type WireFilter } from "../questions";

export interface Workspace {
  id: string;
  name: string;
  view: View;
  /** They hold below everything. */
  locked: Filter[];
  /** Which each link gives values to; empty is no template. */
  template: string[];
  from: string;
  to: string;
  mayChangePeriod: boolean;
  live: boolean;
  /** Whether every field is shown, also what names people. */
  whole: boolean;
  expires: number | null;
  password: boolean;
  made: number;
  madeBy: string;
  looks: number;
  links: Link[];
  /** As it came: what is changed goes back with all the rest as it was. */
  wire: WireWorkspace;
}
export interface Link {
  id: string;
  made: number;
  expires: number | null;
  values: Record<string, string>;
  url: string;
}
export interface Look {
  time: number;
  link: string | null;
  values: Record<string, string>;
  address: string;
}
/** What a new workspace is made of. */
export interface Draft {
  name: string;
  view: View;
  locked: Filter[];
  template: string[];
  from: string;
  zone: string;
  mayChangePeriod: boolean;
  live: boolean;
  whole: boolean;
  /** After how long it ends, such as 30d; empty: never. */
  expires: string;
  password: string;
}

interface WireLink {
  id: string;
  values?: Record<string, string | string[]>;
  made: string;
  expires?: string | null;
  url: string;
}
export interface WireWorkspace {
  id: string;
  name: string;
  view: string;
  question?: { measures?: string[]; by?: string[]; filters?: WireFilter[]; order?: string; limit?: number };
  filters?: WireFilter[];
  everything?: boolean;
  template?: string[];
  shown?: string[];
  period: { from: string; to: string };
  bounds?: { from?: string | null; to?: string | null } | null;
  live?: boolean;
  events?: boolean;
  options?: object;
  acl?: object[];
  expires?: string | null;
  has_password?: boolean;
  made: string;
  made_by?: string;
  looks?: number;
  links?: WireLink[];
}

const JSON_BODY = { headers: { "Content-Type": "application/json" } };
const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);
const words = (values: Record<string, string | string[]> = {}) => Object.fromEntries(Object.entries(values).map(([field, value]) => [field, Array.isArray(value) ? value.join(", ") : value]));
const readLink = ({ id, values, made, expires, url }: WireLink): Link => ({ id, made: Date.parse(made), expires: time(expires), values: words(values), url });

export function read(wire: WireWorkspace): Workspace {
  const { id, name, view, question = {}, filters = [], template = [], shown = [], period, bounds, live = false, expires, has_password = false, made, made_by = "", looks: count = 0, links = [] } = wire;
  return {
    id, name, view: readView({ title: name, form: view, width: 3, question }), locked: readFilters(filters), template, from: period.from, to: period.to,
    mayChangePeriod: Boolean(bounds), live, whole: shown.includes("*"), expires: time(expires), password: has_password, made: Date.parse(made), madeBy: made_by, looks: count, links: links.map(readLink), wire,
  };
}

export async function list(): Promise<Workspace[]> {
  const { workspaces } = (await (await request("api/workspaces")).json()) as { workspaces: WireWorkspace[] };
  return workspaces.map(read).toSorted((a, b) => b.made - a.made);
}

const path = (...parts: string[]) => ["api/workspaces", ...parts.map(encodeURIComponent)].join("/");
const one = async (response: Response) => read((await response.json()) as WireWorkspace);

export const get = async (id: string): Promise<Workspace> => one(await request(path(id)));

/** Makes a workspace with one link; of a template, whose link needs `values`. */
export async function make(draft: Draft, values: Record<string, string>): Promise<Workspace> {
  const { name, view, locked, template, from, zone, mayChangePeriod, live, whole, expires, password } = draft;
  const { measures, by, filters, order, limit } = view;
  const body = {
    name, view: view.form, period: { from, to: "now" }, bounds: mayChangePeriod ? {} : null, live, template, public: true, options: { time_zone: zone },
    question: { ...(measures.length ? { measures } : {}), ...(by.length ? { by } : {}), ...(filters.length ? { filters: wireFilters(filters) } : {}), ...(order ? { order } : {}), ...(limit ? { limit } : {}) },
    ...(locked.length ? { filters: wireFilters(locked) } : template.length ? {} : { everything: true }),
    ...(whole ? { shown: ["*"] } : {}),
    ...(expires ? { expires } : {}),
    ...(password ? { password } : {}),
  };
  const made = await one(await request("api/workspaces", { method: "POST", body: JSON.stringify(body) }));
  return template.length ? { ...made, links: [await makeLink(made.id, "", values)] } : made;
}

/** Until when it opens at all; everything else stays as it is. */
export async function prolong({ id, wire }: Workspace, expires: string): Promise<void> {
  const { name, view, question, filters, everything, template, shown, period, bounds, live, events, options, acl } = wire;
  await request(path(id), { method: "PUT", body: JSON.stringify({ name, view, question, filters, everything, template, shown, period, bounds, live, events, options, acl, expires: expires || null }) });
}

export async function makeLink(id: string, expires: string, values: Record<string, string>): Promise<Link> {
  const body = { ...(expires ? { expires } : {}), ...(Object.keys(values).length ? { values } : {}) };
  return readLink((await (await request(`${path(id)}/links`, { method: "POST", body: JSON.stringify(body) })).json()) as WireLink);
}
export async function revoke(id: string, link: string): Promise<void> {
  await request(`${path(id)}/links/${encodeURIComponent(link)}`, { method: "DELETE", ...JSON_BODY });
}
export async function remove(id: string): Promise<void> {
  await request(path(id), { method: "DELETE", ...JSON_BODY });
}
export async function looks(id: string): Promise<Look[]> {
  const { looks: found } = (await (await request(`${path(id)}/looks`)).json()) as { looks: { at: string; link?: string | null; values?: Record<string, string | string[]>; address?: string }[] };
  return found.map(({ at, link = null, values, address = "" }) => ({ time: Date.parse(at), link, values: words(values), address }));
}

/** Whether it opens anything now. */
export const opens = ({ expires }: { expires: number | null }, now: number): boolean => expires === null || expires > now;

/** A frame for somebody's page. */
export function snippet(url: string, name: string): string {
  const quoted = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  return `<iframe src="${quoted(`${url}?embed=true`)}" title="${quoted(name)}"\n        width="100%" height="640" loading="lazy"></iframe>`;
}
