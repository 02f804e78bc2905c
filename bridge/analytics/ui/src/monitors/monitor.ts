/** Monitors as the server tells them, and what is done with them. */
import { request } from "../ask";

export type State = "new" | "up" | "failing" | "down" | "paused";
export interface Day {
  date: string;
  uptime: number | null;
  down_seconds: number;
  measured_seconds: number;
}
export interface WindowFigures {
  uptime: number | null;
  measured: number;
  down_seconds: number;
  probes: number;
  failed: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}
/** What people write. A secret that is kept is null. */
export interface Settings {
  name: string;
  url: string;
  method: "HEAD" | "GET" | "POST";
  headers: Record<string, string | null>;
  body: string | null;
  status: string[];
  contains: string;
  lacks: string;
  interval_seconds: number;
  limit_seconds: number;
  retries: number;
  follow: boolean;
  verify: boolean;
  public: boolean;
  page: string;
  paused: boolean;
}
export interface Monitor extends Settings {
  id: string;
  version: number;
  state: State;
  since: string | null;
  last: { time: string; took_ms: number; status: number | null; reason: string | null; detail: string } | null;
  tls_expires: string | null;
  windows: Record<Window, WindowFigures>;
  days: Day[];
  medians_ms: (number | null)[];
  chart?: (WindowFigures & { time: string })[];
}
export interface Incident {
  begin: string;
  end: string | null;
  ending: string | null;
  reason: string;
  status: number | null;
  detail: string;
}
export interface Probe {
  time: string;
  state: State;
  took_ms: number;
  status: number | null;
  reason: string | null;
}
export interface Outcome {
  up: boolean;
  took_ms: number;
  status: number | null;
  reason: string | null;
  detail: string;
  tls_expires: string | null;
}

export const WINDOWS = ["24h", "7d", "30d", "60d", "90d"] as const;
export type Window = (typeof WINDOWS)[number];

export const STATES: Record<State, { words: string; kind: "2xx" | "4xx" | "5xx" | "off" }> = {
  new: { words: "Not asked yet", kind: "off" },
  up: { words: "Up", kind: "2xx" },
  failing: { words: "Trying again", kind: "4xx" },
  down: { words: "Down", kind: "5xx" },
  paused: { words: "Paused", kind: "off" },
};

export const FRESH: Settings = { name: "", url: "", method: "GET", headers: {}, body: "", status: ["2xx"], contains: "", lacks: "", interval_seconds: 60, limit_seconds: 10, retries: 2, follow: true, verify: true, public: false, page: "", paused: false };
const NAMES = Object.keys(FRESH) as (keyof Settings)[];

/** What of a monitor people write: to change it, and send it back. */
export const settingsOf = (of: Settings): Settings => Object.fromEntries(NAMES.map((name) => [name, of[name]])) as unknown as Settings;

/** An id for a name: small letters, digits and hyphens. */
export const idOf = (name: string): string => name.normalize("NFKD").replace(/[̀-ͯ]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);

const path = (id: string) => `api/monitors/${encodeURIComponent(id)}`;
const json = async <T>(response: Promise<Response>): Promise<T> => (await (await response).json()) as T;
const send = <T>(method: string, to: string, given: unknown) => json<T>(request(to, { method, body: JSON.stringify(given) }));

export const list = async (zone: string) => (await json<{ monitors: Monitor[] }>(request(`api/monitors?time_zone=${encodeURIComponent(zone)}`))).monitors;
export const get = (id: string, window: Window, zone: string) => json<Monitor>(request(`${path(id)}?window=${window}&time_zone=${encodeURIComponent(zone)}`));
export const incidents = async (id: string) => (await json<{ incidents: Incident[] }>(request(`${path(id)}/incidents`))).incidents;
export const probes = async (id: string, limit: number) => (await json<{ probes: Probe[] }>(request(`${path(id)}/probes?limit=${limit}`))).probes;
export const keep = (id: string, settings: Settings, version: number) => send<Monitor>("PUT", path(id), { ...settings, version });
export const attempt = (id: string, settings: Settings) => send<Outcome>("POST", `${path(id)}/try`, settings);
export const pause = (id: string, paused: boolean) => send<Monitor>("POST", `${path(id)}/pause`, { paused });
export const remove = (id: string) => json<unknown>(request(path(id), { method: "DELETE", headers: { "Content-Type": "application/json" } }));
