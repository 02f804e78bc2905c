/** One workspace, as whoever holds its token sees it: what it shows, what it allows, or why it is shut. */
import { signal } from "@preact/signals";
import { startAt, ownZone } from "../address";
import { asking, bounds, failureOf, refresh, request, type Failure } from "../ask";
import { FORMS, type View } from "../explore/view";
import { allowed } from "../fields";
import { readFilters, type WireFilter } from "../questions";
import type { Filter } from "../address";
import type { Options } from "./options";

export interface Workspace {
  name: string;
  view: View;
  /** What holds below everything, to be said. */
  locked: Filter[];
  mayChangePeriod: boolean;
  live: boolean;
  expires: number | null;
  /** Whose pages may show it in a frame. */
  ancestors: string[];
}
interface Wire {
  name: string;
  view: string;
  question?: { measures?: string[]; by?: string[]; filters?: WireFilter[]; order?: string; limit?: number };
  filters?: WireFilter[];
  fields?: string[] | null;
  from: string;
  to: string;
  time_zone?: string | null;
  earliest?: string | null;
  latest?: string | null;
  may_change_period?: boolean;
  live?: boolean;
  expires?: string | null;
  frame_ancestors?: string[];
}

/** Why nothing is shown: no token has come yet, one that opens nothing, a password is asked for, or a failure. */
export type Shut = { why: "waiting" | "wrong" | "expired" | "revoked" | "password" | "failed"; failure?: Failure };

export const workspace = signal<Workspace | null>(null);
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
  const { "X-Workspace-Password": password } = asking.headers;
  asking.headers = { Authorization: `Bearer ${token}`, ...(password ? { "X-Workspace-Password": password } : {}) };
}

const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);

export function read(wire: Wire): Workspace {
  const { question: { measures = [], by = [], filters = [], order, limit } = {} } = wire;
  const form = wire.view in FORMS ? (wire.view as View["form"]) : "table";
  return {
    name: wire.name,
    view: { title: wire.name, form, width: 3, measures: measures.length || form === "events" ? measures : ["calls"], by, filters: readFilters(filters), ...(order ? { order } : {}), ...(limit ? { limit } : {}) },
    locked: readFilters(wire.filters ?? []),
    mayChangePeriod: wire.may_change_period ?? false,
    live: wire.live ?? false,
    expires: time(wire.expires),
    ancestors: wire.frame_ancestors ?? [],
  };
}

const REASONS = ["expired", "revoked", "password"] as const;

export function shutBy(failure: Failure): Shut {
  const why = REASONS.find((each) => failure.reason?.startsWith(each)) ?? (failure.status === 401 || failure.status === 404 ? "wrong" : "failed");
  return { why, failure };
}

/** Asks what the token opens, and lets the page speak of its period and its fields. */
export async function open(options: Options): Promise<void> {
  try {
    const wire = (await (await request("api/workspace")).json()) as Wire;
    const known = workspace.peek() !== null;
    bounds.value = { earliest: time(wire.earliest), latest: time(wire.latest) };
    allowed.value = wire.fields ? new Set(wire.fields) : null;
    const found = read(wire);
    // A renewed token opens the same view: what its viewer has chosen meanwhile stays.
    if (!known) startAt({ from: wire.from, to: wire.to, zone: options.zone ?? wire.time_zone ?? ownZone, compare: false }, !options.embed);
    workspace.value = found;
    shut.value = null;
    if (known) refresh();
  } catch (reason) {
    shut.value = shutBy(failureOf(reason));
  }
}
