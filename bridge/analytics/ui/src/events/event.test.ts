import { expect, test } from "vitest";
import { callOf, curlOf, fieldsOf, quoted, type Raw } from "./event";

const FLAT: Raw = {
  id: "1", time: "2026-11-24T14:30:00.412+01:00", kind: "response", status: 500, target_status: 500, api: "Orders", method: "POST", resource: "/order", context: "/orders/v2", user: "dave", instance: "gw-1",
  user_agent: "it's; $(rm -rf /)", request_mediation_latency: 6, backend_latency: 1312, response_mediation_latency: 4,
};

test("a row is read with its parts, and what it lacks is nothing", () => {
  const call = callOf(FLAT);
  expect([call.time, call.kind, call.fault, call.took, call.parts, call.application]).toEqual([Date.UTC(2026, 10, 24, 13, 30, 0, 412), "5xx", false, 1322, [6, 1312, 4], null]);
});

test("a fault has no times, and its code decides what it is", () => {
  const call = callOf({ id: "2", time: "2026-11-24T14:30:00Z", kind: "fault", error_code: 900803, status: 429 });
  expect([call.kind, call.fault, call.took, call.parts, call.target]).toEqual(["thr", true, null, null, null]);
});

test("every field of the whole event is shown once, under its name or as it was written", () => {
  const whole: Raw = { applicationName: "UNKNOWN", properties: { userName: "dave@carbon.super", aiMetadata: { model: "m1" }, tags: ["a", "b"] }, bridge: { id: "1", user: "dave" }, backendLatency: 3 };
  const groups = new Map(fieldsOf(whole, { user: "dave", application: null }));
  expect(groups.get("Caller")).toEqual([{ name: "Application", value: "UNKNOWN" }, { name: "User", value: "dave@carbon.super", filter: ["user", "dave"] }]);
  expect(groups.get("Other fields")?.map((line) => [line.name, line.value])).toEqual([["aiMetadata.model", "m1"], ["tags", '["a","b"]']]);
});

test("a GraphQL operation is asked for again at the API's own path", () => {
  expect(curlOf(callOf({ id: "3", context: "/swapi/1.0.0", method: "MUTATION", resource: "createReview" }))).toContain(`-X 'POST' "$GATEWAY"'/swapi/1.0.0'`);
});

test("curl is quoted so that a shell reads it as text", () => {
  expect(quoted("it's")).toBe(`'it'\\''s'`);
  expect(curlOf(callOf(FLAT))).toBe(`curl --globoff -i -X 'POST' "$GATEWAY"'/orders/v2/order' \\\n  -H "Authorization: Bearer $TOKEN" \\\n  -H 'User-Agent: it'\\''s; $(rm -rf /)'`);
});
