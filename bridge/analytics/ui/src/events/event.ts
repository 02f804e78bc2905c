/** One event as the page speaks of it: a row of the log by the data API's fields, or whole in WSO2's own form. */
import { kindOf, type Kind } from "../codes";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Raw = Record<string, Json>;

export interface Call {
  id: string;
  time: number;
  received: number | null;
  kind: Kind;
  /** The gateway answered with an error of its own. */
  fault: boolean;
  status: number | null;
  target: number | null;
  code: number | null;
  method: string | null;
  resource: string | null;
  api: string | null;
  version: string | null;
  context: string | null;
  application: string | null;
  user: string | null;
  agent: string | null;
  gateway: string | null;
  correlation: string | null;
  took: number | null;
  /** Request mediation, backend, response mediation, in ms. */
  parts: [number, number, number] | null;
  cached: boolean;
}

const held = (value: Json | undefined) => value !== null && value !== undefined;

export function callOf(flat: Raw): Call {
  const text = (name: string) => (typeof flat[name] === "string" ? flat[name] : null);
  const number = (name: string) => (typeof flat[name] === "number" ? flat[name] : null);
  const parts = ["request_mediation_latency", "backend_latency", "response_mediation_latency"].map(number);
  const [request = null, backend = null, response = null] = parts;
  const timed = parts.some((part) => part !== null);
  const status = number("status");
  const code = number("error_code");
  return {
    id: String(flat["id"] ?? ""),
    time: Date.parse(String(flat["time"])),
    received: flat["received"] ? Date.parse(String(flat["received"])) : null,
    kind: kindOf(status, code),
    fault: flat["kind"] === "fault",
    status,
    target: number("target_status"),
    code,
    method: text("method"),
    resource: text("resource"),
    api: text("api"),
    version: text("version"),
    context: text("context"),
    application: text("application"),
    user: text("user"),
    agent: text("user_agent"),
    gateway: text("instance"),
    correlation: text("correlation_id"),
    took: number("latency") ?? (timed ? (request ?? 0) + (backend ?? 0) + (response ?? 0) : null),
    parts: timed ? [request ?? 0, backend ?? 0, response ?? 0] : null,
    cached: flat["cache_hit"] === true,
  };
}

export interface FieldLine {
  name: string;
  value: string;
  /** What it filters by: the dimension, and its value as the store has it, which may be tidier than the event's. */
  filter?: [field: string, value: string];
  mono?: boolean;
}
type Known = [name: string, field: string, label: string, mono?: boolean];
const GROUPS: [string, Known[]][] = [
  ["Caller", [
    ["applicationName", "application", "Application"], ["applicationOwner", "application_owner", "Its owner"], ["userName", "user", "User"], ["bridge.user", "user", "User"], ["bridge.company", "company", "Company"], ["keyType", "key_type", "Key"],
    ["userIp", "ip", "Address", true], ["country", "country", "Country"], ["userAgentHeader", "user_agent", "User agent"], ["userAgent", "browser", "Client"], ["platform", "os", "System"],
  ]],
  ["Call", [
    ["correlationId", "correlation_id", "Correlation id", true], ["apiName", "api", "API"], ["apiVersion", "version", "Version"], ["apiType", "api_type", "Type"], ["apiContext", "context", "Context", true], ["apiMethod", "method", "Method"],
    ["apiResourceTemplate", "resource", "Resource", true], ["proxyResponseCode", "status", "Status"], ["targetResponseCode", "target_status", "Backend’s status"], ["errorType", "error_type", "Error type"], ["errorCode", "error_code", "Error code", true],
    ["errorMessage", "", "Error"], ["destination", "backend", "Backend", true], ["responseCacheHit", "cache_hit", "From the cache"], ["responseSize", "", "Response, bytes"], ["responseContentType", "", "Content type"],
  ]],
  ["Gateway", [
    ["bridge.instance", "instance", "Gateway"], ["gatewayType", "gateway_type", "Kind"], ["regionId", "region", "Region"], ["environmentId", "environment", "Environment"], ["apiCreatorTenantDomain", "tenant", "Tenant"], ["apiCreator", "api_creator", "API creator"],
    ["requestTimestamp", "", "Request at"], ["bridge.received", "", "Taken at"],
  ]],
];
/** They are drawn as the waterfall. */
const DRAWN = ["responseLatency", "backendLatency", "requestMediationLatency", "responseMediationLatency", "bridge.id"];

/** Every field of an event, in groups, with what the store made of it (`fields`); what no group knows stands under "Other fields", named as it was written. */
export function fieldsOf(raw: Raw, fields: Raw): [string, FieldLine[]][] {
  const flat = new Map<string, string>();
  const walk = (value: Json, path: string) => {
    if (value === null || value === "") return;
    if (typeof value === "object" && !Array.isArray(value)) for (const [name, inner] of Object.entries(value)) walk(inner, path ? `${path}.${name}` : name);
    else flat.set(path.replace(/^properties\./, ""), typeof value === "object" ? JSON.stringify(value) : String(value));
  };
  walk(raw, "");
  const shown = new Set(DRAWN);
  const grouped = GROUPS.map(([title, known]): [string, FieldLine[]] => [
    title,
    known.flatMap(([name, field, label, mono]): FieldLine[] => {
      const value = flat.get(name);
      if (value === undefined) return [];
      const twice = name === "bridge.user" && shown.has("userName");
      shown.add(name);
      return twice ? [] : [{ name: label, value, ...(field && held(fields[field]) ? { filter: [field, String(fields[field])] as [string, string] } : {}), ...(mono ? { mono } : {}) }];
    }),
  ]);
  const rest = [...flat].filter(([name]) => !shown.has(name)).map(([name, value]): FieldLine => ({ name, value, mono: value.length > 24 }));
  return [...grouped, ["Other fields", rest] as [string, FieldLine[]]].filter(([, lines]) => lines.length > 0);
}

/** Quoted for a POSIX shell: nothing in it means anything. */
export const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The call again, as far as the event tells: WSO2 writes the template of a path, and no token. */
export function curlOf(call: Call): string {
  // A GraphQL operation or a WebSocket's frame is no method and no path: it went to the API's own.
  const method = METHODS.has(call.method ?? "GET") ? (call.method ?? "GET") : "POST";
  const path = call.resource?.startsWith("/") ? call.resource : "";
  return [
    `curl --globoff -i -X ${quoted(method)} "$GATEWAY"${quoted((call.context ?? "") + path || "/")}`,
    `-H "Authorization: Bearer $TOKEN"`,
    ...(call.agent ? [`-H ${quoted(`User-Agent: ${call.agent}`)}`] : []),
  ].join(" \\\n  ");
}
