/** One workspace, as whoever holds its token sees it: what it shows, what it allows, or why it is shut. */
import { signal } from "@preact/signals";
import { startAt, ownZone } from "../address";
import { asking, bounds, failureOf, refresh, request, type Failure } from "../ask";
import { FORMS, type View } from "../explore/view";
import { allowed } from "../fields";
import { rulers } from "../parts/rulers";
import { readFilters, type WireFilter } from "../questions";
import type { Filter } from "../address";
import { dress } from "./brand";
import { readOptions, type Options } from "./options";

export interface Workspace {
  name: string;
  view: View;
  /** What holds below everything, to be said. */
  locked: Filter[];
  mayChangePeriod: boolean;
  live: boolean;
  expires: number | null;
}
interface Wire {
  name: string;
  view: string;
  question?: { measures?: string[]; by?: string[]; filters?: WireFilter[]; order?: string; limit?: number };
  filters?: WireFilter[];
  /** Names of the fields that are shown. */
  fields?: string[];
  period: { from: string; to: string };
  /** null: its viewer may not choose another period. */
  bounds?: object | null;
  /** What of time is there to be seen. */
  seen?: { from: string | null; to: string | null };
  time_zone?: string;
  live?: boolean;
  options?: Record<string, unknown>;
  expires?: string | null;
}

/** Why nothing is shown: no token has come yet, one that opens nothing (any more), a password is asked for, or a failure. */
export type Shut = { why: "waiting" | "wrong" | "password" | "failed"; failure?: Failure };

/** How the page is dressed: by its address at once, and by what the workspace was made with once that is known. */
export const options = signal<Options>(readOptions(""));
export function dressBy(search: string, kept: Record<string, unknown> = {}): void {
  options.value = readOptions(search, kept);
  dress(options.value.colours);
  rulers.all = options.value.rulers;
}

export const workspace = signal<Workspace | null>(null);
/** In how many seconds it goes on, while the link has asked more than it may. */
export const slowed = signal<number | null>(null);
export const shut = signal<Shut | null>(null);

/** The token of this address: in its path, or behind # where an embedded view has it, so that no log of a server sees it. */
export function tokenOf(pathname: string, hash: string): { token: string; root: string } {
  const parts = pathname.split("/");
  const at = parts.lastIndexOf("public");
  const rest = at < 0 ? [] : parts.slice(at + 1);
  const embedded = rest[0] === "em";
  return { token: decodeURIComponent(embedded ? hash.replace(/^#/, "") : (rest[0] ?? "")), root: "../".repeat(Math.max(1, rest.length)) };
}

export function carry(token: string): void {
  asking.headers = { Authorization: `Bearer ${token}` };
}

/** Gives the password, and goes on with the token that it is exchanged for; returns what stands against it. */
export async function unlock(password: string): Promise<Failure | null> {
  try {
    const { token } = (await (await request("api/workspace/open", { method: "POST", body: JSON.stringify({ password }) })).json()) as { token: string };
    carry(token);
  } catch (reason) {
    return failureOf(reason);
  }
  await open();
  return null;
}

const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);

export function read(wire: Wire): Workspace {
  const { question: { measures = [], by = [], filters = [], order, limit } = {} } = wire;
  const form = wire.view in FORMS ? (wire.view as View["form"]) : "table";
  return {
    name: wire.name,
    view: { title: wire.name, form, width: 3, measures: measures.length || form === "events" ? measures : ["calls"], by, filters: readFilters(filters), ...(order ? { order } : {}), ...(limit ? { limit } : {}) },
    locked: readFilters(wire.filters ?? []),
    mayChangePeriod: Boolean(wire.bounds),
    live: wire.live ?? false,
    expires: time(wire.expires),
  };
}

export function shutBy(failure: Failure): Shut {
  return { why: failure.password ? "password" : failure.status === 401 || failure.status === 404 ? "wrong" : "failed", failure };
}

/** Asks what the token opens, and lets the page speak of its period and its fields. */
export async function open(): Promise<void> {
  try {
    const wire = (await (await request("api/workspace")).json()) as Wire;
    const known = workspace.peek() !== null;
    bounds.value = { earliest: time(wire.seen?.from), latest: time(wire.seen?.to) };
    allowed.value = wire.fields ? new Set(wire.fields) : null;
    const found = read(wire);
    if (!known) dressBy(location.search, wire.options);
    // A renewed token opens the same view: what its viewer has chosen meanwhile stays.
    if (!known) startAt({ from: wire.period.from, to: wire.period.to, zone: options.peek().zone ?? wire.time_zone ?? ownZone, compare: false }, !options.peek().embed);
    workspace.value = found;
    shut.value = null;
    if (known) refresh();
  } catch (reason) {
    shut.value = shutBy(failureOf(reason));
  }
}
