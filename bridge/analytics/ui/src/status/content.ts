/** What the server tells everybody. */
import type { Day, Window } from "../monitors/monitor";

export interface Shown {
  id: string;
  name: string;
  state: "new" | "up" | "down" | "paused";
  since: string | null;
  windows: Record<Window, { uptime: number | null; measured: number; p50_ms: number | null; p95_ms: number | null }>;
  days: Day[];
  medians_ms: (number | null)[];
}
export interface Outage {
  id: string;
  name: string;
  begin: string;
  end: string | null;
  ending: string | null;
  reason: string;
}
export interface Content {
  time: string;
  time_zone: string;
  state: "up" | "partly" | "down";
  monitors: Shown[];
  incidents: Outage[];
}
