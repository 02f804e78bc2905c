/** Deletions for good: asked for, followed, and their receipts. The only module that knows how they are written. */
import { request } from "../ask";

export type Kind = "user" | "application" | "ip" | "key" | "company";
export interface Erasure {
  id: string;
  kind: string;
  /** What it was is not kept: a job that is done says no name. */
  words: string;
  keep: "rows" | "counts" | string;
  state: "waiting" | "running" | "done" | "failed" | string;
  asked: number | null;
  done: number | null;
  /** Events that went, or were left without a name. */
  events: number | null;
  error: string | null;
  /** Where it may still be, and until when. */
  still: { where: string; until: string | null; words: string }[];
}

/** What the API calls each kind in its paths. */
export const PATHS: Record<Kind, string> = { user: "users", application: "applications", company: "companies", ip: "addresses", key: "keys" };

export const KINDS: [kind: Kind, words: string][] = [["user", "A user"], ["application", "An application"], ["company", "A company"], ["ip", "An address"], ["key", "An API Analytics key"]];

const time = (text: unknown) => (typeof text === "string" ? Date.parse(text) : null);

export function read(body: unknown): Erasure {
  const said = body as Record<string, unknown>;
  const receipt = (said["receipt"] ?? {}) as Record<string, unknown>;
  const still = (said["still_in"] ?? receipt["still_in"] ?? []) as Record<string, unknown>[];
  const events = said["events"] ?? receipt["events"];
  return {
    id: String(said["id"] ?? ""),
    kind: String(said["kind"] ?? said["field"] ?? ""),
    words: typeof said["value"] === "string" ? said["value"] : "",
    keep: String(said["keep"] ?? "nothing"),
    state: String(said["state"] ?? "waiting"),
    asked: time(said["asked"] ?? said["made"]),
    done: time(said["done"] ?? said["finished"]),
    events: typeof events === "number" ? events : null,
    error: typeof said["error"] === "string" ? said["error"] : null,
    still: Array.isArray(still) ? still.map((each) => ({ where: String(each["where"] ?? ""), until: typeof each["until"] === "string" ? each["until"] : null, words: String(each["about"] ?? "") })) : [],
  };
}

export async function list(): Promise<Erasure[]> {
  const { erasures } = (await (await request("api/erasures")).json()) as { erasures: unknown[] };
  return erasures.map(read);
}

export const eraseKey = (key: string): Promise<Erasure> => erase("key", key, false);

export async function erase(kind: Kind, value: string, counts: boolean): Promise<Erasure> {
  const path = `api/${PATHS[kind]}/${encodeURIComponent(value)}${counts ? "?keep=counts" : ""}`;
  return read(await (await request(path, { method: "DELETE", headers: { "Content-Type": "application/json" } })).json());
}
