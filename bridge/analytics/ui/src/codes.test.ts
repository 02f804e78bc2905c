import { expect, test } from "vitest";
import { classOf, codeWords, kindOf } from "./codes";

test("a fault has the class that WSO2 names, but for those of OTHER that have a cause of their own", () => {
  expect(classOf("AUTH", "900901")).toBe("AUTH");
  expect(classOf("OTHER", "900906")).toBe("NO_RESOURCE");
  expect(classOf("OTHER", "405")).toBe("NO_RESOURCE");
  expect(classOf("OTHER", "601000")).toBe("MEDIATION");
  expect(classOf("OTHER", "500")).toBe("OTHER");
  expect(classOf("SOMETHING_NEW", "1")).toBe("OTHER");
  expect(classOf(null, null)).toBe("BACKEND");
});

test("a code that is not known is explained by its range, and the backend's own answer has none", () => {
  expect(codeWords("900899", 429).name).toBe("Throttled");
  expect(codeWords("101599", 500).name).toBe("Backend not reached");
  expect(codeWords(null, 404).name).toBe("Said by the backend");
});

test("an opened WebSocket is no silence, and a throttled call is throttled whatever its status", () => {
  expect(kindOf(101)).toBe("2xx");
  expect(kindOf(400, 900821)).toBe("thr");
  expect(kindOf(null)).toBe("off");
});
