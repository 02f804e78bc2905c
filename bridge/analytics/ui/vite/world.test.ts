import { expect, test } from "vitest";
import { codeOf, drawWorld, equalEarth } from "./world";

const world = drawWorld();

test("numbers become the codes that country databases use", () => {
  expect(codeOf({ id: "276", properties: { name: "Germany" } })).toBe("DE");
  expect(codeOf({ properties: { name: "Kosovo" } })).toBe("XK");
  expect(codeOf({ properties: { name: "N. Cyprus" } })).toBe("");
});

test("every country has an outline or a dot, once", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const codes = [...Object.keys(world.shapes), ...Object.keys(world.dots)].filter(Boolean);
  expect(codes.length).toBeGreaterThan(230);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.filter((code) => !names.of(code))).toEqual([]);
  for (const code of ["DE", "RU", "FJ", "US", "XK"]) expect(world.shapes).toHaveProperty(code);
  for (const code of ["SG", "MT", "BH", "HK"]) expect(world.dots).toHaveProperty(code);
});

test("no country is torn by the edge of the map, and none lies outside", () => {
  for (const [code, path] of Object.entries(world.shapes)) {
    for (const ring of path.split("M").slice(1)) {
      const numbers = (ring.match(/-?\d+/g) ?? []).map(Number);
      let [x = 0, y = 0] = numbers;
      for (let at = 2; at < numbers.length; at += 2) {
        expect(Math.abs(numbers[at] ?? 0), code).toBeLessThan(world.width / 3);
        x += numbers[at] ?? 0;
        y += numbers[at + 1] ?? 0;
        expect(x >= 0 && x <= world.width && y >= 0 && y <= world.height, code).toBe(true);
      }
    }
  }
});

test("the projection keeps areas", () => {
  const cell = (latitude: number) => {
    const [west, south] = equalEarth([10, latitude]);
    const [east] = equalEarth([11, latitude]);
    const [, north] = equalEarth([10, latitude + 0.01]);
    return (east - west) * (north - south) / Math.cos((latitude + 0.005) * Math.PI / 180);
  };
  expect(cell(60) / cell(0)).toBeCloseTo(1, 2);
});
