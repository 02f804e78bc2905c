/** What a question may ask for, in the words of the page. The names are those of the data API. */
import { signal } from "@preact/signals";

export interface Dimension {
  label: string;
  /** Shown in the list of fields to filter by before anything is typed. */
  often?: boolean;
  mono?: boolean;
}

export const DIMENSIONS: Record<string, Dimension> = {
  api: { label: "API", often: true },
  version: { label: "Version", often: true },
  resource: { label: "Resource", often: true, mono: true },
  method: { label: "Method" },
  status_class: { label: "Status class", often: true },
  status: { label: "Status", often: true },
  error_code: { label: "Error code", often: true },
  error_type: { label: "Error type", often: true },
  application: { label: "Application", often: true },
  user: { label: "User", often: true },
  company: { label: "Company", often: true },
  environment: { label: "Environment", often: true },
  instance: { label: "Gateway", often: true },
  backend: { label: "Backend", often: true, mono: true },
  bot: { label: "Bot", often: true },
  country: { label: "Country", often: true },
  kind: { label: "Kind" },
  target_status: { label: "Backend’s status" },
  api_type: { label: "API type" },
  api_creator: { label: "API creator" },
  context: { label: "Context", mono: true },
  application_owner: { label: "Application’s owner" },
  tenant: { label: "Tenant" },
  key_type: { label: "Key type" },
  key: { label: "Key" },
  gateway_type: { label: "Gateway type" },
  region: { label: "Region" },
  browser: { label: "Browser" },
  os: { label: "System" },
  device: { label: "Device" },
  framework: { label: "Framework" },
  user_agent: { label: "User agent" },
  ip: { label: "Address", mono: true },
  hostname: { label: "Host", mono: true },
  path: { label: "Path", mono: true },
  cache_hit: { label: "From the cache" },
  correlation_id: { label: "Correlation id", mono: true },
  ai_model: { label: "Model" },
  ai_vendor: { label: "AI vendor" },
  guardrail: { label: "Guardrail" },
  mcp_tool: { label: "MCP tool" },
  graphql_operation: { label: "GraphQL operation" },
  hour: { label: "Hour" },
  weekday: { label: "Weekday" },
};

/** The fields that the caller sees; null: all of them. What is outside is neither asked for nor offered. */
export const allowed = signal<ReadonlySet<string> | null>(null);
export const seen = (field: string): boolean => allowed.value === null || allowed.value.has(field);

export type Unit = "" | "%" | "ms" | "bytes" | "tokens";
export interface Measure {
  label: string;
  unit: Unit;
  /** Whether more of it is worse (-1), better (1) or neither (0): only that may colour a change. */
  good: -1 | 0 | 1;
  /** Whether parts add up to the whole: only then may a list end in "others" and bars be stacked. */
  adds: boolean;
}

const time = (label: string): Record<"avg" | "p25" | "p50" | "p75" | "p95" | "p99" | "max", Measure> => {
  const one = (name: string): Measure => ({ label: `${name} ${label}`, unit: "ms", good: -1, adds: false });
  return { avg: one("Average"), p25: one("p25"), p50: one("p50"), p75: one("p75"), p95: one("p95"), p99: one("p99"), max: one("Longest") };
};
const named = (name: string, label: string): Record<string, Measure> =>
  Object.fromEntries(Object.entries(time(label)).map(([statistic, measure]) => [`${name}_${statistic}`, measure]));

export const MEASURES: Record<string, Measure> = {
  calls: { label: "Calls", unit: "", good: 0, adds: true },
  errors: { label: "Errors", unit: "", good: -1, adds: true },
  error_rate: { label: "Error rate", unit: "%", good: -1, adds: false },
  throttled: { label: "Throttled", unit: "", good: -1, adds: true },
  users: { label: "Users", unit: "", good: 0, adds: false },
  applications: { label: "Applications", unit: "", good: 0, adds: false },
  ...named("latency", "latency"),
  ...named("backend_latency", "backend latency"),
  ...named("request_mediation_latency", "request mediation"),
  ...named("response_mediation_latency", "response mediation"),
  ...Object.fromEntries(["avg", "p50", "p95", "p99", "max"].map((name) => [`response_bytes_${name}`, { label: `${name} response size`, unit: "bytes", good: 0, adds: false } satisfies Measure])),
  response_bytes: { label: "Bytes sent", unit: "bytes", good: 0, adds: true },
  cache_hit_rate: { label: "Cache hits", unit: "%", good: 1, adds: false },
  ai_prompt_tokens: { label: "Prompt tokens", unit: "tokens", good: 0, adds: true },
  ai_completion_tokens: { label: "Completion tokens", unit: "tokens", good: 0, adds: true },
  ai_total_tokens: { label: "Tokens", unit: "tokens", good: 0, adds: true },
};

export const ERROR_TYPES: Record<string, string> = {
  AUTH: "Authentication",
  THROTTLED: "Throttled",
  TARGET_CONNECTIVITY: "Backend not reached",
  GUARDRAIL_FAULT: "Guardrail",
  OTHER: "Other faults",
};
const COUNTRIES = new Intl.DisplayNames("en", { type: "region", fallback: "code" });
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

export function fieldLabel(field: string): string {
  return DIMENSIONS[field]?.label ?? MEASURES[`${field}_avg`]?.label.replace("Average l", "L") ?? field;
}

/** A value as the page says it; null is a row of its own, named after what is missing. */
export function valueLabel(field: string, value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return `No ${fieldLabel(field).toLowerCase().replace(/^(ai|api|mcp|graphql)\b/, (word) => (word === "graphql" ? "GraphQL" : word.toUpperCase()))}`;
  if (field === "bot" || field === "cache_hit") return String(value) === "true" ? "yes" : "no";
  if (field === "error_type") return ERROR_TYPES[String(value)] ?? String(value);
  if (field === "country") return /^[A-Z]{2}$/.test(String(value)) ? (COUNTRIES.of(String(value)) ?? String(value)) : String(value);
  if (field === "weekday") return WEEKDAYS[Number(value)] ?? String(value);
  if (field === "backend") return String(value).replace(/^https?:\/\//, "");
  if (field === "hour") return `${String(value).padStart(2, "0")}:00`;
  return String(value);
}
