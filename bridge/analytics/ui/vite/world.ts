/** The world's countries as paths, made of world-atlas when the page is built: what a browser gets is drawn already, so
 * that it needs neither topojson nor a projection.
 *
 * Equal Earth (Šavrič, Patterson, Jenny 2018), because shades must stand on areas that can be compared. It is cut
 * in the Bering Strait, and what lies across stays whole on the side where its middle is. Countries that are too small for the coarse outlines are
 * dots at the middle of their fine ones. Antarctica is left out. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { World } from "virtual:world";

type Point = [number, number];
interface Topology {
  transform: { scale: Point; translate: Point };
  arcs: Point[][];
  objects: { countries: { geometries: Geometry[] } };
}
interface Geometry {
  type: "Polygon" | "MultiPolygon";
  arcs: number[][] | number[][][];
  /** ISO 3166-1 numeric; places that most states do not recognise have none. */
  id?: string;
  properties: { name: string };
}
/** Units of the drawing's width: fine enough for a wide screen. */
const WIDTH = 2400;
/** East of it lies Alaska with its islands, at the map's left; west of it Russia's end, at the right. */
const WEST = -172;
const CENTRE = 11;
/** World-atlas gives it no number; WSO2's and MaxMind's databases call it so. */
const BY_NAME: Record<string, string> = { Kosovo: "XK" };

/** CLDR knows each number as an old spelling of the code: "und-276" is "und-DE". */
export function codeOf({ id, properties }: Pick<Geometry, "id" | "properties">): string {
  return id ? new Intl.Locale(`und-${id}`).region ?? "" : (BY_NAME[properties.name] ?? "");
}

/** Longitude and latitude, in degrees, to Equal Earth's plane. */
export function equalEarth([longitude, latitude]: Point): Point {
  const [a1, a2, a3, a4] = [1.340264, -0.081106, 0.000893, 0.003796];
  const m = Math.sqrt(3) / 2;
  const l = Math.asin(m * Math.sin(latitude * Math.PI / 180));
  const l2 = l * l;
  const l6 = l2 ** 3;
  return [(longitude - CENTRE) * Math.PI / 180 * Math.cos(l) / (m * (a1 + 3 * a2 * l2 + l6 * (7 * a3 + 9 * a4 * l2))), l * (a1 + a2 * l2 + l6 * (a3 + a4 * l2))];
}

/** The rings of a geometry in degrees. TopoJSON: arcs are deltas of whole numbers, ~n is the n-th one backwards. */
function rings({ transform, arcs }: Topology, geometry: Geometry): Point[][] {
  const { scale, translate } = transform;
  const line = (index: number): Point[] => {
    let [x, y] = [0, 0];
    const points = (arcs[index < 0 ? ~index : index] ?? []).map(([dx, dy]): Point => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
    return index < 0 ? points.reverse() : points;
  };
  const polygons = (geometry.type === "Polygon" ? [geometry.arcs] : geometry.arcs) as number[][][];
  // Each arc begins where the one before has ended.
  return polygons.flat().map((ring) => whole(ring.flatMap((index, at) => line(index).slice(at > 0 ? 1 : 0))));
}

/** A ring that does not jump from 180° E to 180° W, at one side of the map. */
function whole(ring: Point[]): Point[] {
  let turn = 0;
  const steady = ring.map(([x, y], at): Point => {
    const step = x - (ring[at - 1]?.[0] ?? x);
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360;
    return [x + turn, y];
  });
  const [x] = middle(steady);
  const shift = x < WEST ? 360 : x >= WEST + 360 ? -360 : 0;
  return steady.map(([each, y]) => [each + shift, y]);
}

const area = (ring: Point[]) => ring.reduce((sum, [x, y], at) => {
  const [x2, y2] = ring[(at + 1) % ring.length] as Point;
  return sum + (x * y2 - x2 * y) / 2;
}, 0);

function middle(ring: Point[]): Point {
  const xs = ring.map(([x]) => x);
  const ys = ring.map(([, y]) => y);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
}

export function drawWorld(): World {
  const find = createRequire(import.meta.url).resolve;
  const read = (name: string) => JSON.parse(readFileSync(find(`world-atlas/${name}.json`), "utf8")) as Topology;
  const [coarse, fine] = [read("countries-110m"), read("countries-50m")];
  const drawn = (topology: Topology, geometry: Geometry) => rings(topology, geometry).map((ring) => ring.map(equalEarth));
  const lands = coarse.objects.countries.geometries.filter((one) => codeOf(one) !== "AQ").map((one) => ({ code: codeOf(one), rings: drawn(coarse, one) }));
  const all = lands.flatMap((land) => land.rings.flat());
  const [left, right] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))];
  const [low, high] = [Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const scale = WIDTH / (right - left);
  const place = ([x, y]: Point): Point => [Math.round((x - left) * scale), Math.round((high - y) * scale)];
  const shapes: Record<string, string> = {};
  for (const land of lands) shapes[land.code] = (shapes[land.code] ?? "") + land.rings.map((ring) => path(ring.map(place))).join("");
  const dots: Record<string, Point> = {};
  for (const one of fine.objects.countries.geometries) {
    const code = codeOf(one);
    if (!code || code in shapes || code === "AQ") continue;
    const largest = drawn(fine, one).toSorted((a, b) => Math.abs(area(b)) - Math.abs(area(a)))[0];
    if (largest) dots[code] = place(middle(largest));
  }
  return { width: WIDTH, height: Math.ceil((high - low) * scale), shapes, dots };
}

/** A closed ring in relative steps, without those that round to nothing. */
function path(points: Point[]): string {
  let [x, y] = points[0] as Point;
  let text = `M${x} ${y}l`;
  for (const [toX, toY] of points.slice(1, -1)) {
    if (toX === x && toY === y) continue;
    text += `${text.endsWith("l") || toX < x ? "" : " "}${toX - x}${toY < y ? "" : " "}${toY - y}`;
    [x, y] = [toX, toY];
  }
  return text.endsWith("l") ? "" : text + "z";
}

/** Gives the page `virtual:world`. */
export function world() {
  const name = "virtual:world";
  return {
    name: "world",
    resolveId: (id: string) => (id === name ? `\0${name}` : undefined),
    load: (id: string) => (id === `\0${name}` ? `export default ${JSON.stringify(drawWorld())}` : undefined),
  };
}
