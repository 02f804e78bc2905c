import { expect, test } from "vitest";
import { accents, categories, contrast, readHex } from "./brand";

const COLOURS = ["#00876c", "#ff5722", "#ffee00", "#000000", "#ffffff", "#888", "0000ff", "#f0f", "#12e2a3"];
const both = (value: string) => /light-dark\((#\w+), (#\w+)\)/.exec(value)?.slice(1).map((hex) => readHex(hex)!) ?? [];
const ground = (light: string, dark: string) => [readHex(light)!, readHex(dark)!];
const GROUNDS = [ground("#ffffff", "#111315"), ground("#f3f3f0", "#1a1c20"), ground("#f8f8f6", "#1b1d21")];

test("what is no colour is none", () => {
  for (const text of ["", "red", "#12", "#12345", "url(x)", "#gggggg", "1;}"]) expect(readHex(text), text).toBeNull();
});

test("whatever the colour, text and marks of it can be read on every ground of both themes", () => {
  for (const colour of COLOURS) {
    const of = accents(readHex(colour)!);
    const [mark, text, tint, on] = ["--accent", "--accent-text", "--accent-tint", "--on-accent"].map((name) => both(of[name] ?? ""));
    for (const theme of [0, 1] as const) {
      for (const each of [...GROUNDS.map((one) => one[theme]!), tint![theme]!]) {
        expect(contrast(text![theme]!, each), `${colour} text ${theme}`).toBeGreaterThanOrEqual(4.5);
        expect(contrast(mark![theme]!, each), `${colour} mark ${theme}`).toBeGreaterThanOrEqual(3);
      }
      expect(contrast(on![theme]!, mark![theme]!), `${colour} on ${theme}`).toBeGreaterThanOrEqual(4.5);
    }
  }
});

test("categories keep their order and stand out from the ground", () => {
  const of = categories(COLOURS.slice(0, 8).map((colour) => readHex(colour)!));
  expect(Object.keys(of)).toEqual(["--cat-1", "--cat-2", "--cat-3", "--cat-4", "--cat-5", "--cat-6"]);
  for (const value of Object.values(of)) both(value).forEach((colour, theme) => expect(contrast(colour, GROUNDS[0]![theme]!)).toBeGreaterThanOrEqual(3));
});
