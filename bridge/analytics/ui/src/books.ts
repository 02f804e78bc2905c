/** What the analytics process says of itself and of its senders: freshness and the books. Asked every few seconds. */
import { computed, effect, signal } from "@preact/signals";
import { request } from "./ask";

export interface Sender {
  name: string;
  instance: string | null;
  seen: number | null;
  newest: number | null;
  taken: number | null;
  pending: number | null;
  dead: number | null;
  sinks: Record<string, SinkAccount>;
}
/** What a bridge says of one destination. */
export interface SinkAccount {
  delivered?: number;
  pending?: number;
  dead?: number;
  /** By its filter, its sampling, or because they could not be read any more. */
  left_out?: number;
  /** Every event that the bridge received before is delivered, a dead letter or left out. */
  settled_before?: string;
}
export interface State {
  version: string;
  events: number;
  oldest: number | null;
  newest: number | null;
  senders: Sender[];
  taken: number | null;
  shown: number | null;
  /** What retention has deleted, and what came too late to be kept. */
  gone: number;
  /** What somebody has had erased. */
  erased: number;
  missing: number | null;
  at: number;
}

export const state = signal<State | null>(null);
export const hasEvents = computed(() => (state.value?.events ?? 0) > 0);
export const oldest = computed(() => state.value?.oldest ?? undefined);
/** A gateway is late when its bridge has not been heard for so long; without traffic it still is. */
export const LATE_SECONDS = 60;

const EVERY_MS = 5_000;
const time = (value: unknown) => (typeof value === "string" ? Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : value + "Z") : null);
const numeric = (value: unknown) => (typeof value === "number" ? value : null);

export function readState(body: unknown, at: number): State {
  const said = body as Record<string, unknown>;
  const books = (said["books"] ?? {}) as Record<string, unknown>;
  const senders = (Array.isArray(said["senders"]) ? said["senders"] : []) as Record<string, unknown>[];
  return {
    version: String(said["version"] ?? ""),
    events: numeric(said["events"]) ?? 0,
    oldest: time(said["oldest"]),
    newest: time(said["newest"]),
    // What is said of users beside their calls is no call.
    taken: numeric(books["taken"]) === null ? null : (numeric(books["taken"]) ?? 0) - (numeric(books["records"]) ?? 0),
    shown: numeric(books["shown"]),
    gone: (numeric(books["let_go"]) ?? 0) + (numeric(books["too_old"]) ?? 0),
    erased: numeric(books["erased"]) ?? 0,
    missing: numeric(books["missing"]),
    at,
    senders: senders.map((each) => ({
      name: String(each["name"] ?? each["instance"] ?? "?"),
      instance: typeof each["instance"] === "string" ? each["instance"] : null,
      seen: time(each["seen"]),
      newest: time(each["newest"]),
      taken: numeric(each["taken"]),
      pending: numeric(each["pending"]),
      dead: numeric(each["dead"]),
      sinks: (each["sinks"] ?? {}) as Sender["sinks"],
    })),
  };
}

/** Seconds since a sender was last heard: its account comes every 10 s, traffic or not. */
export function silence(sender: Sender, at: number): number | null {
  return sender.seen === null ? null : Math.max(0, (at - sender.seen) / 1000);
}
export const late = (sender: Sender, at: number) => (silence(sender, at) ?? Infinity) > LATE_SECONDS;

export async function askState(): Promise<void> {
  try {
    state.value = readState(await (await request("api/state")).json(), Date.now());
  } catch {
    // What stands in the way is said in the notice; the last state stays.
  }
}

/** `seesAll`: who sees a part of the events alone is told nothing of the bridges. */
export function keepState(seesAll: () => boolean): void {
  effect(() => {
    if (seesAll()) void askState();
    else state.value = null;
  });
  setInterval(() => {
    if (document.visibilityState === "visible" && seesAll()) void askState();
  }, EVERY_MS);
}
