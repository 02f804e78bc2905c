/** Somebody else's colour as ours: its hue stays, its lightness moves until text can be read on every ground of both
 * themes. In OKLab, where a step of lightness is one to the eye (Björn Ottosson, 2020). */

type Triple = [number, number, number];

const linear = (part: number) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
const shown = (part: number) => (part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055);

/** `#rgb` or `#rrggbb`, with the mark or without; anything else is no colour. */
export function readHex(text: string): Triple | null {
  const digits = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim())?.[1];
  if (!digits) return null;
  const each = digits.length === 3 ? [...digits].map((digit) => digit + digit) : [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4)];
  return each.map((pair) => linear(parseInt(pair, 16) / 255)) as Triple;
}

function toLab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromLab([lightness, a, b]: Triple): Triple {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
}

const inside = (colour: Triple) => colour.every((part) => part >= -1e-4 && part <= 1 + 1e-4);
/** The colour of a lightness, as vivid as a screen can show it and no more than it was. */
function at(lightness: number, [, a, b]: Triple, vivid = 1): Triple {
  let [low, high] = [0, vivid];
  if (inside(fromLab([lightness, a * high, b * high]))) low = high;
  for (let turn = 0; turn < 20 && low < high; turn += 1) {
    const middle = (low + high) / 2;
    if (inside(fromLab([lightness, a * middle, b * middle]))) low = middle;
    else high = middle;
  }
  return fromLab([lightness, a * low, b * low]).map((part) => Math.min(1, Math.max(0, part))) as Triple;
}

const luminance = ([r, g, b]: Triple) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
/** As WCAG 2 has it: 1 to 21. */
export function contrast(one: Triple, other: Triple): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
const hex = (colour: Triple) => `#${colour.map((part) => Math.round(shown(part) * 255).toString(16).padStart(2, "0")).join("")}`;

const WHITE: Triple = [1, 1, 1];
/** The dark theme's ground, as tokens.css has it. */
const NIGHT = readHex("#111315") as Triple;

/** The lightness nearest to the colour's own with which it stands out so much. */
function readable(lab: Triple, ground: Triple, least: number, darker: boolean): Triple {
  let lightness = Math.min(1, Math.max(0, lab[0]));
  while (contrast(at(lightness, lab), ground) < least && (darker ? lightness > 0 : lightness < 1)) lightness += darker ? -0.005 : 0.005;
  return at(lightness, lab);
}

const pair = (light: Triple, dark: Triple) => `light-dark(${hex(light)}, ${hex(dark)})`;

/** The tokens that the accent is made of, by name. Contrast: text 5.9 and 7.2, marks 5.4 and 7.3 on the ground, so that
 * it is above 4.5 and 3 on the tint as well. */
export function accents(colour: Triple): Record<string, string> {
  const lab = toLab(colour);
  const tint = (lightness: number, vivid: number): Triple => {
    const grey = Math.hypot(lab[1], lab[2]) || 1;
    return at(lightness, [0, (lab[1] / grey) * vivid, (lab[2] / grey) * vivid]);
  };
  const coloured = Math.hypot(lab[1], lab[2]) > 0.01 ? 1 : 0;
  const [light, dark] = [readable(lab, WHITE, 5.4, true), readable(lab, NIGHT, 7.3, false)];
  const on = (mark: Triple) => (contrast(mark, WHITE) >= 4.5 ? WHITE : tint(0.18, 0.02 * coloured));
  return {
    "--accent": pair(light, dark),
    "--accent-text": pair(readable(lab, WHITE, 6.2, true), readable(lab, NIGHT, 8.2, false)),
    "--accent-tint": pair(tint(0.95, 0.022 * coloured), tint(0.26, 0.05 * coloured)),
    "--on-accent": pair(on(light), on(dark)),
    // Heat is a matter of the accent, from the ground to it and beyond.
    "--heat-1": "color-mix(in oklab, var(--heat-0), var(--accent) 16%)",
    "--heat-2": "color-mix(in oklab, var(--heat-0), var(--accent) 36%)",
    "--heat-3": "color-mix(in oklab, var(--heat-0), var(--accent) 58%)",
    "--heat-4": "var(--accent)",
    "--heat-5": "color-mix(in oklab, var(--accent), var(--text) 34%)",
  };
}

/** Colours of categories, in their order; each can be told from the ground. */
export function categories(colours: Triple[]): Record<string, string> {
  return Object.fromEntries(colours.slice(0, 6).map((colour, place) => {
    const lab = toLab(colour);
    return [`--cat-${place + 1}`, pair(readable(lab, WHITE, 3.1, true), readable(lab, NIGHT, 3.1, false))];
  }));
}

/** Gives tokens their colours, through CSSOM: the page's policy allows no style in its text. */
export function dress(tokens: Record<string, string>): void {
  for (const [name, value] of Object.entries(tokens)) document.documentElement.style.setProperty(name, value);
}
