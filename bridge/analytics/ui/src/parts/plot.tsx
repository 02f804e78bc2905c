/** One plot over time, drawn by uPlot: lines, areas and bars over steps of equal width. Grid, labels, deployments and
 * gaps are drawn here, because they must look the same in every plot of an axis. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { dressed, ink } from "../theme";
import { rulers } from "./rulers";
import { gutter, marks, roundUp } from "./scale";
import { useWidth, type Points } from "./spark";

export interface Layer {
  name: string;
  values: Points;
  /** bars and stack lie upon one another in their order; prev is the compared period. */
  as: "line" | "area" | "bars" | "stack" | "prev";
  /** A CSS colour, tokens included. */
  ink: string;
  fill?: string;
  width?: number;
  /** Named at the line's end. */
  end?: string;
}
export interface Flag {
  at: number;
  label: string;
}
export interface Gap {
  from: number;
  to: number;
  label: string;
}
interface PlotProps {
  layers: Layer[];
  steps: number;
  height: number;
  tick: (value: number, top: number) => string;
  grid?: number;
  headroom?: number;
  right?: number;
  flags?: Flag[];
  gaps?: Gap[];
}

const font = (ratio: number) => `${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;

export function Plot(props: PlotProps) {
  const [box, width] = useWidth<HTMLDivElement>();
  const drawn = useRef<uPlot | null>(null);
  const shape = useRef("");
  const now = useRef(props);
  now.current = props;
  const { layers, steps, height } = props;
  const colours = dressed.value;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || width === 0) return;
    const { data, top } = lay(layers, steps);
    // Only other layers, another height or other colours need a new plot; new figures go into the old one.
    const wanted = JSON.stringify([layers.map(({ as, ink: colour, fill, width: wide }) => [as, colour, fill, wide]), height, colours, props.right]);
    if (drawn.current && shape.current === wanted) {
      if (drawn.current.width !== width) drawn.current.setSize({ width, height });
      drawn.current.setData(data, false);
      drawn.current.setScale("x", { min: 0, max: steps });
      drawn.current.setScale("y", { min: 0, max: top });
      return;
    }
    drawn.current?.destroy();
    shape.current = wanted;
    drawn.current = new uPlot(options(now, layers, steps, top, width, height), data, element);
  });
  useEffect(
    () => () => {
      drawn.current?.destroy();
      drawn.current = null;
    },
    [],
  );
  return <div class={`canvas h-${height}`} ref={box} aria-hidden="true" />;
}

/** Layers as uPlot takes them: x are the middles of the steps, what is stacked is summed up. */
function lay(layers: Layer[], steps: number): { data: uPlot.AlignedData; top: number } {
  const under = new Array<number>(steps).fill(0);
  let most = 0;
  const values = layers.map((layer) => {
    const stacked = layer.as === "bars" || layer.as === "stack";
    const points = Array.from({ length: steps }, (_, at) => {
      const value = layer.values[at] ?? null;
      if (!stacked || (layer.as === "stack" && value === null)) return value;
      return (under[at] = (under[at] ?? 0) + (value ?? 0));
    });
    for (const point of points) if (point !== null && point > most) most = point;
    return points;
  });
  // What is summed highest is drawn first, and the lower ones over it.
  const order = stackOrder(layers);
  return { data: [Array.from({ length: steps }, (_, at) => at + 0.5), ...order.map((at) => values[at] ?? [])] as uPlot.AlignedData, top: roundUp(most * 1.02) };
}

function stackOrder(layers: Layer[]): number[] {
  const places = layers.map((_, at) => at);
  const stacked = places.filter((at) => layers[at]?.as === "bars" || layers[at]?.as === "stack").reverse();
  return [...places.filter((at) => !stacked.includes(at)), ...stacked];
}

function options(now: { current: PlotProps }, layers: Layer[], steps: number, top: number, width: number, height: number): uPlot.Options {
  const bars = uPlot.paths.bars?.({ size: [1, Infinity, 1], align: 0, gap: steps > width / 3 ? 0 : 1 });
  const order = stackOrder(layers);
  const series = order.map((at): uPlot.Series => {
    const layer = layers[at] as Layer;
    const common = { points: { show: false }, stroke: ink(layer.ink), width: layer.width ?? 1.5 };
    if (layer.as === "bars") return { ...common, width: 0, fill: ink(layer.fill ?? layer.ink), ...(bars ? { paths: bars } : {}) };
    if (layer.as === "stack") return { ...common, width: layer.fill ? 1 : 0, ...(at === order[order.length - 1] ? { fill: ink(layer.fill ?? layer.ink) } : {}) };
    if (layer.as === "prev") return { ...common, width: 1, dash: [3, 3] };
    if (layer.as === "area") return { ...common, fill: ink(layer.fill ?? `color-mix(in oklab, transparent, ${layer.ink} 10%)`) };
    return common;
  });
  const pad = layers.some((layer) => layer.end) ? (now.current.right ?? 32) : (now.current.right ?? 0);
  return {
    width,
    height,
    padding: [now.current.headroom ?? 20, pad, 1, gutter(width)],
    cursor: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    legend: { show: false },
    scales: { x: { time: false, range: () => [0, now.current.steps] }, y: { range: (_plot, _low, high) => [0, Math.max(high || 0, 1e-12)] } },
    axes: [{ show: false }, { show: false }],
    series: [{}, ...series],
    // What is stacked is filled down to the one below it; the lowest down to the ground.
    bands: order.flatMap((at, place) => (layers[at]?.as === "stack" && place < order.length - 1 ? [{ series: [place + 1, place + 2] as [number, number], fill: ink(layers[at]?.fill ?? layers[at]?.ink ?? "") }] : [])),
    hooks: {
      ready: [(plot) => plot.setScale("y", { min: 0, max: top })],
      drawClear: [(plot) => ground(plot, now.current)],
      draw: [(plot) => over(plot, now.current)],
    },
  };
}

function ground(plot: uPlot, { tick, grid = 3 }: PlotProps): void {
  const { ctx } = plot;
  const ratio = uPlot.pxRatio;
  const top = plot.scales["y"]?.max ?? 1;
  const right = plot.width * ratio;
  ctx.save();
  ctx.lineWidth = ratio;
  ctx.font = font(ratio);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const rule = (y: number, colour: string) => {
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(plot.bbox.left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
  };
  for (const value of marks(top, grid)) {
    const label = tick(value, top);
    if (!label) continue;
    const y = Math.round(plot.valToPos(value, "y", true)) + ratio / 2;
    rule(y, ink("var(--line)"));
    ctx.fillStyle = ink("var(--text-3)");
    ctx.fillText(label, 0, y);
  }
  rule(Math.round(plot.valToPos(0, "y", true)) - ratio / 2, ink("var(--line-2)"));
  ctx.restore();
}

function over(plot: uPlot, { layers, flags = [], gaps = [] }: PlotProps): void {
  const { ctx } = plot;
  const ratio = uPlot.pxRatio;
  const wide = plot.width >= 600;
  const x = (at: number) => plot.valToPos(at, "x", true);
  const end = plot.bbox.left + plot.bbox.width;
  ctx.save();
  ctx.font = font(ratio);
  ctx.textBaseline = "middle";
  const say = (text: string, at: number, y: number, align: CanvasTextAlign, colour: string) => {
    ctx.textAlign = align;
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = ink("var(--bg)");
    ctx.strokeText(text, at, y);
    ctx.fillStyle = colour;
    ctx.fillText(text, at, y);
  };
  for (const ruler of rulers.all) {
    const y = Math.round(plot.valToPos(ruler.value, "y", true)) + ratio / 2;
    if (y < plot.bbox.top || y > plot.bbox.top + plot.bbox.height) continue;
    ctx.strokeStyle = ink(ruler.ink);
    ctx.lineWidth = ruler.width * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(plot.bbox.left, y);
    ctx.lineTo(end, y);
    ctx.stroke();
    ctx.setLineDash([]);
    if (ruler.name) say(ruler.name, end, y - 8 * ratio, "right", ink(ruler.ink));
  }
  let taken = Infinity;
  for (const gap of gaps) {
    const left = x(gap.from);
    ctx.fillStyle = hatch(ctx, ratio);
    ctx.fillRect(left, 14 * ratio, x(gap.to) - left, 6 * ratio);
    if (!wide) continue;
    say(gap.label, x(gap.to), 7 * ratio, "right", ink("var(--text-3)"));
    taken = x(gap.to) - ctx.measureText(gap.label).width - 8 * ratio;
  }
  let free = -Infinity;
  for (const flag of flags) {
    const at = Math.round(x(flag.at)) + ratio / 2;
    ctx.strokeStyle = ctx.fillStyle = ink("var(--text-3)");
    ctx.lineWidth = ratio;
    ctx.setLineDash([ratio, 2 * ratio]);
    ctx.beginPath();
    ctx.moveTo(at, 6 * ratio);
    ctx.lineTo(at, plot.bbox.top + plot.bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(at - 4 * ratio, 0);
    ctx.lineTo(at + 4 * ratio, 0);
    ctx.lineTo(at, 6 * ratio);
    ctx.fill();
    const long = ctx.measureText(flag.label).width;
    const leftward = at + long + 16 * ratio > Math.min(end, taken);
    const from = leftward ? at - 8 * ratio - long : at + 8 * ratio;
    if (wide && from > free && (leftward ? at - 8 * ratio : from + long) < taken) {
      say(flag.label, leftward ? at - 8 * ratio : from, 7 * ratio, leftward ? "right" : "left", ink("var(--text-2)"));
      free = from + long + 8 * ratio;
    }
  }
  const ends: number[] = [];
  const lastOf = (layer: Layer) => layer.values.findLast((value) => value !== null) ?? null;
  // From the ground up, so that names keep the order of their lines where they have to give way.
  for (const layer of layers.filter((each) => each.end).toSorted((a, b) => (lastOf(a) ?? 0) - (lastOf(b) ?? 0))) {
    const last = lastOf(layer);
    if (last === null || !layer.end) continue;
    let y = plot.valToPos(last, "y", true);
    while (ends.some((other) => Math.abs(other - y) < 14 * ratio)) y -= 2 * ratio;
    ends.push(y);
    say(layer.end, end + 6 * ratio, y, "left", ink(layer.ink));
  }
  ctx.restore();
}

/** Not knowing is hatched, and nothing else is. */
function hatch(ctx: CanvasRenderingContext2D, ratio: number): CanvasPattern | string {
  const tile = document.createElement("canvas");
  const size = Math.round(6 * ratio);
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  if (!pen) return ink("var(--control)");
  pen.strokeStyle = ink("var(--control)");
  pen.lineWidth = 1.2 * ratio;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
    pen.stroke();
  }
  return ctx.createPattern(tile, "repeat") ?? ink("var(--control)");
}
