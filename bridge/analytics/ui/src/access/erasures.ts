/** Deletions for good: asked for, followed, and their receipts. The only module that knows how they are written. */
import { request } from "../ask";

export type Kind = "user" | "application" | "company" | "ip" | "key";
export interface Erasure {
  id: string;
  kind: Kind;
  /** Whose data; what is done says no name any more. */
  value: string | null;
  keepsCounts: boolean;
  state: "waiting" | "running" | "done";
  asked: number;
  by: string;
  done: number | null;
  /** Events that it is about, once they are counted; and those that it has dealt with. */
  total: number | null;
  events: number;
  /** What stands in the way; it is tried again. */
  error: string | null;
  /** Where the data may still be, and until when. */
  still: { where: string; until: number | null; about: string }[];
}

/** What the API calls each kind in its paths. */
const PATHS: Record<Kind, string> = { user: "users", application: "applications", company: "companies", ip: "addresses", key: "keys" };
export const KINDS: [kind: Kind, words: string][] = [["user", "A user"], ["application", "An application"], ["company", "A company"], ["ip", "An address"], ["key", "An API Analytics key"]];

interface Wire {
  id: string;
  field: Kind;
  value?: string | null;
  keep: string;
  state: Erasure["state"];
  asked: string;
  by?: string;
  done?: string | null;
  total?: number | null;
  events?: number;
  error?: string | null;
  still_in?: { where: string; until?: string | null; about?: string }[];
}

export function read({ id, field, value = null, keep, state, asked, by = "", done, total = null, events = 0, error = null, still_in = [] }: Wire): Erasure {
  return {
    id, kind: field, value, keepsCounts: keep === "counts", state, asked: Date.parse(asked), by, done: done ? Date.parse(done) : null, total, events, error,
    still: still_in.map(({ where, until, about = "" }) => ({ where, until: until ? Date.parse(until) : null, about })),
  };
}

export async function list(): Promise<Erasure[]> {
  return ((await (await request("api/erasures")).json()) as { erasures: Wire[] }).erasures.map(read);
}

export async function erase(kind: Kind, value: string, keepsCounts: boolean): Promise<Erasure> {
  const path = `api/${PATHS[kind]}/${encodeURIComponent(value)}${keepsCounts ? "?keep=counts" : ""}`;
  return read((await (await request(path, { method: "DELETE", headers: { "Content-Type": "application/json" } })).json()) as Wire);
}
