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
  /** Which a link of it gives values to; empty is no template. */
  template: string[];
  from: string;
  mayChangePeriod: boolean;
  live: boolean;
  made: number;
  links: Link[];
}
export interface Link {
  id: string;
  made: number;
  expires: number | null;
  revoked: boolean;
  password: boolean;
  values: Record<string, string>;
  looks: number;
  seen: number | null;
  /** Where it opens; known only when it has just been made. */
  url: string | null;
}
export interface Look {
  time: number;
  link: string;
  address: string | null;
  agent: string | null;
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
  /** Whether names, addresses and user agents are shown that are not the viewer's own. */
  whole: boolean;
}
/** What a link is made of, beside its workspace. */
export interface Terms {
  /** After how long it ends, such as 30d; empty: never. */
  expires: string;
  password: string;
  values: Record<string, string>;
}

interface WireLink {
  id: string;
  made: string;
  expires?: string | null;
  revoked?: boolean;
  password?: boolean;
  values?: Record<string, string>;
  looks?: number;
  seen?: string | null;
  url?: string;
}
interface WireWorkspace {
  id: string;
  name: string;
  view: string;
  question?: { measures?: string[]; by?: string[]; filters?: WireFilter[]; order?: string; limit?: number };
  filters?: WireFilter[];
  template?: string[];
  from: string;
  may_change_period?: boolean;
  live?: boolean;
  made: string;
  links?: WireLink[];
}

const JSON_BODY = { headers: { "Content-Type": "application/json" } };
const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);

function readLink({ id, made, expires, revoked = false, password = false, values = {}, looks = 0, seen, url }: WireLink): Link {
  return { id, made: Date.parse(made), expires: time(expires), revoked, password, values, looks, seen: time(seen), url: url ?? null };
}

export function read({ id, name, view, question = {}, filters = [], template = [], from, may_change_period = false, live = false, made, links = [] }: WireWorkspace): Workspace {
  return { id, name, view: readView({ title: name, form: view, width: 3, question }), locked: readFilters(filters), template, from, mayChangePeriod: may_change_period, live, made: Date.parse(made), links: links.map(readLink) };
}

/** Whether a link opens anything now. */
export const opens = (link: Link, now: number): boolean => !link.revoked && (link.expires === null || link.expires > now);

export async function list(): Promise<Workspace[]> {
  const { workspaces } = (await (await request("api/workspaces")).json()) as { workspaces: WireWorkspace[] };
  return workspaces.map(read);
}

const terms = ({ expires, password, values }: Terms) => ({ ...(expires ? { expires } : {}), ...(password ? { password } : {}), ...(Object.keys(values).length ? { values } : {}) });

export async function make(draft: Draft, link: Terms | null): Promise<Workspace> {
  const { name, view, locked, template, from, zone, mayChangePeriod, live, whole } = draft;
  const { measures, by, filters, order, limit } = view;
  const body = {
    name, view: view.form, from, time_zone: zone, may_change_period: mayChangePeriod, live,
    question: { ...(measures.length ? { measures } : {}), ...(by.length ? { by } : {}), ...(filters.length ? { filters: wireFilters(filters) } : {}), ...(order ? { order } : {}), ...(limit ? { limit } : {}) },
    filters: wireFilters(locked),
    ...(template.length ? { template } : {}),
    ...(whole ? { fields: null } : {}),
    ...(link ? { link: terms(link) } : {}),
  };
  return read((await (await request("api/workspaces", { method: "POST", body: JSON.stringify(body) })).json()) as WireWorkspace);
}

const path = (...parts: string[]) => ["api/workspaces", ...parts.map(encodeURIComponent)].join("/");

export async function makeLink(id: string, link: Terms): Promise<Link> {
  return readLink((await (await request(`${path(id)}/links`, { method: "POST", body: JSON.stringify(terms(link)) })).json()) as WireLink);
}
export async function revoke(id: string, link: string): Promise<void> {
  await request(`${path(id)}/links/${encodeURIComponent(link)}`, { method: "DELETE", ...JSON_BODY });
}
export async function remove(id: string): Promise<void> {
  await request(path(id), { method: "DELETE", ...JSON_BODY });
}
export async function looks(id: string): Promise<Look[]> {
  const { looks: found } = (await (await request(`${path(id)}/looks`)).json()) as { looks: { time: string; link: string; address?: string | null; agent?: string | null }[] };
  return found.map(({ time: at, link, address = null, agent = null }) => ({ time: Date.parse(at), link, address, agent }));
}

/** A frame for somebody's page. An embedded view has its token behind #, so that no server's log sees it. */
export function snippet(url: string, name: string): string {
  const quoted = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  return `<iframe src="${quoted(url)}" title="${quoted(name)}"\n        width="100%" height="640" loading="lazy"></iframe>`;
}
