/** WSO2's error codes: what each means and what to do. Source: WSO2's error handling documentation and fault classifier. */

export type Kind = "2xx" | "3xx" | "4xx" | "5xx" | "thr" | "off";

export interface Code {
  name: string;
  cure: string;
}

export const CODES: Record<string, Code> = {
  900800: { name: "API throttled", cure: "All callers together are over its limit; raise or spread it" },
  900801: { name: "Hard limit reached", cure: "The backend’s maximum throughput is set lower than the traffic" },
  900802: { name: "Resource throttled", cure: "The resource is over its policy; raise it or cache the answer" },
  900803: { name: "Application throttled", cure: "Over its tier; raise it or spread the calls" },
  900804: { name: "Subscription throttled", cure: "Over the subscribed plan; choose a larger one" },
  900805: { name: "Blocked", cure: "A deny policy names this caller; lift it under Rate limits" },
  900806: { name: "Custom policy exceeded", cure: "A custom rate limit holds; look at its condition" },
  900807: { name: "Burst limit reached", cure: "Too many calls within a second; smooth them or raise the burst control" },
  900900: { name: "Authentication failed", cure: "The gateway could not check the credentials; look at its key manager" },
  900901: { name: "Invalid credentials", cure: "Token expired or revoked; fetch a new one" },
  900902: { name: "Missing credentials", cure: "Send the token in the Authorization header, or the API key" },
  900905: { name: "Incorrect token type", cure: "The resource asks for another kind of token" },
  900906: { name: "No such resource", cure: "No resource of the API matches the path and method" },
  900907: { name: "API blocked", cure: "Its life-cycle state is Blocked; publish it again" },
  900908: { name: "Not subscribed", cure: "Subscribe the application to this API" },
  900909: { name: "Subscription inactive", cure: "The subscription is blocked or awaits approval" },
  900910: { name: "Scope missing", cure: "Ask for a token with the scope of this resource" },
  900820: { name: "Query too deep", cure: "The GraphQL query nests deeper than its policy allows" },
  900821: { name: "Query too complex", cure: "The GraphQL query costs more than its policy allows" },
  900514: { name: "Stopped by a guardrail", cure: "The prompt or the answer broke a guardrail’s rule" },
  101500: { name: "Sending to the backend failed", cure: "The connection broke while the request was sent" },
  101501: { name: "Reading from the backend failed", cure: "The connection broke while the answer was read" },
  101503: { name: "Backend connect error", cure: "Nothing listens at the address; may the gateway reach it?" },
  101504: { name: "Backend timed out", cure: "Slower than the endpoint’s timeout; see its latency" },
  101505: { name: "Backend closed the connection", cure: "Its keep-alive is shorter than the gateway’s" },
  101506: { name: "Not HTTP", cure: "The backend’s answer breaks the protocol; http against https?" },
  101507: { name: "Call cancelled", cure: "The caller went away before the answer" },
  101508: { name: "Backend connect timeout", cure: "The address does not answer; a firewall?" },
  601000: { name: "Mediation failed", cure: "A policy or sequence of the API broke; see the gateway’s log" },
  404: { name: "No such API or resource", cure: "Nothing is deployed at this path and method; look at context and version" },
  405: { name: "Method not allowed", cure: "The resource exists, but not for this method" },
  500: { name: "Fault without a class", cure: "The gateway’s log has it at this time" },
  303001: { name: "Endpoint suspended", cure: "After failures the gateway waits; see the 101503 before it" },
};

/** WSO2's classes of faults; of its OTHER those that have a cause of their own, and what the backend said itself. */
export type ErrorClass = "AUTH" | "NO_RESOURCE" | "THROTTLED" | "TARGET_CONNECTIVITY" | "MEDIATION" | "GUARDRAIL_FAULT" | "OTHER" | "BACKEND";
export const CLASS_NAMES: Record<ErrorClass, string> = {
  AUTH: "Authentication",
  NO_RESOURCE: "Not found",
  THROTTLED: "Throttled",
  TARGET_CONNECTIVITY: "Backend not reached",
  MEDIATION: "Mediation",
  GUARDRAIL_FAULT: "Guardrail",
  OTHER: "Other faults",
  BACKEND: "Said by the backend",
};
const NO_RESOURCE = new Set(["404", "405", "900906"]);

/** The event names WSO2's class; its sub-class MEDIATION_ERROR and "not found" are told by the code. */
export function classOf(type: string | null, code: string | null): ErrorClass {
  if (type === null) return "BACKEND";
  if (code !== null && NO_RESOURCE.has(code)) return "NO_RESOURCE";
  if (type === "OTHER" && code?.startsWith("601")) return "MEDIATION";
  return type in CLASS_NAMES ? (type as ErrorClass) : "OTHER";
}

const STATUSES: Record<string, string> = {
  101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 307: "Temporary Redirect",
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 412: "Precondition Failed",
  413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
  500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
};

export const statusWords = (status: number | string | null) => (status === null ? "" : (STATUSES[String(status)] ?? ""));

/** What a code means; null is the backend's own answer, passed on by the gateway. */
export function codeWords(code: number | string | null, status: number | string | null): Code {
  if (code === null) return { name: "Said by the backend", cure: "The gateway passed it on" };
  const known = CODES[String(code)];
  if (known) return known;
  const value = Number(code);
  if (value >= 900800 && value <= 900899) return { name: "Throttled", cure: "A rate limit holds; look at the policies of API and application" };
  if (value >= 900900 && value <= 900999) return { name: "Not allowed", cure: "Look at the credentials and the subscription" };
  if (value >= 101500 && value <= 101599) return { name: "Backend not reached", cure: "Look at the endpoint and the network between" };
  if (value < 600) return { name: statusWords(value) || "Gateway error", cure: "The gateway answered this itself" };
  return { name: statusWords(status) || "Gateway error", cure: "See the gateway’s log at this time" };
}

export function kindOf(status: number | string | null, code?: number | string | null): Kind {
  const number = Number(code ?? 0);
  if ((number >= 900800 && number <= 900899) || Number(status) === 429) return "thr";
  const value = Number(status ?? 0);
  if (value >= 500) return "5xx";
  if (value >= 400) return "4xx";
  if (number > 0) return "5xx";
  if (value >= 300) return "3xx";
  // 101 is a WebSocket that was opened.
  return value >= 100 ? "2xx" : "off";
}
