import { expect, test } from "vitest";
import { firstBytes } from "./budget";

const chunk = (fileName: string, code: string, more: object = {}) => ({ [fileName]: { type: "chunk", fileName, code, ...more } });
const noise = (length: number) => Array.from({ length }, (_, at) => String.fromCharCode(33 + (at * at * 31 + at * 7) % 90)).join("");

test("the first page's script and what it imports count once, what it fetches later does not", () => {
  const bundle = { ...chunk("index.js", noise(2000), { isEntry: true, name: "index", imports: ["shared.js"] }), ...chunk("other.js", noise(5000), { isEntry: true, name: "public" }), ...chunk("shared.js", noise(500), { imports: ["index.js", "deep.js"] }), ...chunk("deep.js", noise(300)) };
  const first = firstBytes(bundle, "index", ["theme"]);
  expect(firstBytes({ ...bundle, ...chunk("map.js", noise(9000)) }, "index", ["theme"])).toBe(first);
  expect(firstBytes({ ...bundle, ...chunk("deep.js", noise(900)) }, "index", ["theme"])).toBeGreaterThan(first);
  expect(firstBytes(bundle, "index", [])).toBeLessThan(first);
});
