/** Rules of alerts and channels, as the server keeps them. */
import type { Filter } from "../address";
import { request } from "../ask";
import { readFilters, wireFilters, type WireFilter } from "../questions";

export type State = "waiting" | "ok" | "pending" | "firing" | "failing" | "off";
export interface Group {
  words: string;
  since: string | null;
  said: string;
  cause: string;
}
/** What is written of a rule; the threshold stands in the measure's unit, shares as such. */
export interface Draft {
  name: string;
  on: boolean;
  measure: string;
  by: string[];
  filters: Filter[];
  window: string;
  above: number | null;
  below: number | null;
  against: boolean;
  perMinute: boolean;
  leastCalls: number;
  wait: string;
  quiet: string;
  resolved: boolean;
  fires: boolean | null;
  channels: string[];
}
export interface Rule extends Draft {
  id: string;
  version: number;
  condition: string;
  state: State;
  firing: Group[];
  pending: Group[];
  looked: string | null;
  failure: string | null;
}
export interface Happening {
  rule: string;
  name: string;
  happened: string;
  at: string;
  words: string;
  cause: string | null;
  said: string | null;
}
export interface Trial {
  condition: string;
  fired: number;
  messages: number;
  alerts: { words: string; from: string; to: string | null; said: string }[];
  series: { times: string[]; values: (number | null)[] };
  groups: number;
  tried: number;
  exact: boolean;
}
export interface Channel {
  id: string;
  name: string;
  kind: "webhook" | "slack" | "teams" | "mail";
  host?: string;
  to?: string[];
  rules: string[];
  waiting: number;
  last: { outcome: string; said: string | null; done: string | null } | null;
}

interface Wire {
  id: string;
  version: number;
  name: string;
  on: boolean;
  measure: string;
  by: string[] | string;
  filters: WireFilter[];
  window: string;
  above?: number | null;
  below?: number | null;
  against?: string | null;
  per_minute?: boolean;
  least_calls?: number;
  for: string | number;
  quiet: string | number;
  resolved: boolean;
  when_unknown?: string;
  channels: string[];
  condition: string;
  state: State;
  firing: Group[];
  pending: Group[];
  looked: string | null;
  failure: string | null;
}

export const WINDOWS = ["1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "24h"];
export const FRESH: Draft = { name: "", on: true, measure: "error_rate", by: [], filters: [], window: "10m", above: 0.05, below: null, against: false, perMinute: false, leastCalls: 20, wait: "5m", quiet: "4h", resolved: true, fires: null, channels: [] };

const seconds = (value: string | number) => (typeof value === "number" ? `${value}s` : value);

function read({ by, filters, against, per_minute: perMinute = false, least_calls: leastCalls = 0, for: wait, quiet, when_unknown: unknown, above = null, below = null, ...rest }: Wire): Rule {
  return { ...rest, by: typeof by === "string" ? [by] : by, filters: readFilters(filters), above, below, against: against === "week_before", perMinute, leastCalls, wait: seconds(wait), quiet: seconds(quiet), fires: unknown ? unknown === "fire" : null };
}

export function written(rule: Draft): Record<string, unknown> {
  const silent = rule.measure === "silence";
  return {
    name: rule.name, on: rule.on, measure: rule.measure, by: rule.by, filters: wireFilters(rule.filters), window: rule.window, for: rule.wait, quiet: rule.quiet, resolved: rule.resolved, channels: rule.channels,
    ...(silent ? {} : { ...(rule.above === null ? { below: rule.below } : { above: rule.above }), ...(rule.against ? { against: "week_before" } : {}), ...(rule.perMinute ? { per_minute: true } : {}), least_calls: rule.leastCalls }),
    ...(rule.fires === null ? {} : { when_unknown: rule.fires ? "fire" : "keep" }),
  };
}

const json = async <T>(path: string, method = "GET", body?: unknown): Promise<T> => {
  // What changes something is JSON, whether or not there is anything to say.
  const options = method === "GET" ? {} : { method, body: JSON.stringify(body ?? {}) };
  return (await (await request(path, options)).json()) as T;
};
const at = (id: string) => `api/alerts/${encodeURIComponent(id)}`;
const of = (id: string) => `api/channels/${encodeURIComponent(id)}`;

export const listRules = async (): Promise<Rule[]> => (await json<{ rules: Wire[] }>("api/alerts")).rules.map(read);
export const keepRule = async (id: string, version: number, rule: Draft): Promise<Rule> => read(await json<Wire>(at(id), "PUT", { ...written(rule), version }));
export const removeRule = (id: string) => json(at(id), "DELETE");
export const tryRule = (rule: Draft, from: string, zone: string) => json<Trial>("api/alerts/test", "POST", { rule: { ...written(rule), name: rule.name || "New" }, from, time_zone: zone });
export const listHistory = async (rule?: string): Promise<Happening[]> => (await json<{ history: Happening[] }>(`api/alerts/history?limit=50${rule ? `&rule=${encodeURIComponent(rule)}` : ""}`)).history;
export const listChannels = () => json<{ channels: Channel[]; mails: boolean }>("api/channels");
export const keepChannel = (id: string, channel: Record<string, unknown>) => json(of(id), "PUT", channel);
export const removeChannel = (id: string) => json(of(id), "DELETE");
export const tryChannel = (id: string) => json<{ outcome: string; said: string | null }>(`${of(id)}/test`, "POST");

/** An id that nobody has yet, made of a name. */
export function idOf(name: string, taken: string[]): string {
  const plain = name.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 56) || "rule";
  const first = plain === "test" || plain === "history" ? `${plain}-1` : plain;
  if (!taken.includes(first)) return first;
  let number = 2;
  while (taken.includes(`${first}-${number}`)) number += 1;
  return `${first}-${number}`;
}

/** A secret for a webhook, as Standard Webhooks writes it: 32 random bytes. */
export function freshSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}
