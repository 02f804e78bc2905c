/** Small drawings in SVG, drawn in a box of fixed height and stretched to its width: sparks, strips, splits. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

/** The width that an element has, and has after each change. */
export function useWidth<E extends HTMLElement>(): [RefObject<E | null>, number] {
  const box = useRef<E>(null);
  const [width, put] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => put(element.clientWidth);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [box, width];
}

export type Points = (number | null)[];

function line(values: Points, x: (at: number) => number, y: (value: number) => number): string {
  let path = "";
  let gap = true;
  values.forEach((value, at) => {
    if (value !== null) path += `${gap ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    gap = value === null;
  });
  return path;
}

export function Spark({ values, height = 24 }: { values: Points; height?: number }) {
  const [box, width] = useWidth<HTMLSpanElement>();
  const numbers = values.filter((value) => value !== null);
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const flat = high === low;
  return (
    <span class="spark" ref={box} aria-hidden="true">
      {width > 0 && numbers.length > 1 && (
        <svg width={width} height={height}>
          <path
            class="ln"
            d={line(values, (at) => (at + 0.5) / values.length * width, (value) => (flat ? height - 2 : height - 2 - (value - low) / (high - low) * (height - 4)))}
          />
        </svg>
      )}
    </span>
  );
}

/** Bars on one scale, for a gateway's traffic: nothing known is hatched, no traffic a line on the ground. */
export function Bars({ values, top, unknownFrom, height = 20 }: { values: Points; top: number; unknownFrom?: number; height?: number }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const each = width / (values.length || 1);
  const known = unknownFrom === undefined ? values.length : Math.max(0, Math.min(values.length, unknownFrom));
  return (
    <div class="bars" ref={box} aria-hidden="true">
      {width > 0 && (
        <svg width={width} height={height}>
          {values.slice(0, known).map((value, at) => {
            const tall = value ? Math.max(1.5, value / (top || 1) * (height - 3)) : 1;
            return <rect class={`fill ${value ? "c-accent" : "off"}`} x={(at * each).toFixed(1)} width={Math.max(1, each - 1).toFixed(1)} y={(height - 1 - tall).toFixed(1)} height={tall.toFixed(1)} />;
          })}
          {known < values.length && <rect class="nodata" x={known * each} width={Math.max(0, width - known * each)} y="2" height={height - 3} />}
        </svg>
      )}
    </div>
  );
}

export interface Part {
  value: number;
  class: string;
}
/** Parts on a common scale, a pixel of ground between them, so that the order shows without colour. */
export function Split({ parts, top, height = 8, least = 1.5 }: { parts: Part[]; top: number; height?: number; least?: number }) {
  const [box, width] = useWidth<HTMLDivElement>();
  let x = 0;
  return (
    <div class="split" ref={box} aria-hidden="true">
      {width > 0 && (
        <svg width={width} height={height}>
          {parts.map((part) => {
            if (part.value <= 0) return null;
            const wide = Math.max(least, part.value / (top || 1) * (width - parts.length));
            const rect = <rect class={`fill ${part.class}`} x={x.toFixed(1)} width={wide.toFixed(1)} height={height} />;
            x += wide + 1;
            return rect;
          })}
        </svg>
      )}
    </div>
  );
}

/** The share of calls that went well, step by step: worse is taller, so that it reads in grey as well. */
export const LEVELS = [0.985, 0.97, 0.93];
export function Strip({ shares, gutter, times, onPick }: { shares: Points; gutter: number; times: number[]; onPick?: (at: number) => void }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const each = (width - gutter) / (shares.length || 1);
  return (
    <div class="strip" ref={box} aria-hidden="true">
      {width > 0 && (
        <svg width={width} height={20}>
          {shares.map((share, at) => {
            if (share === null) return null;
            const level = LEVELS.findIndex((least) => share >= least);
            const worse = level < 0 ? LEVELS.length : level;
            return (
              <rect
                class={`ok${worse}`}
                key={times[at]}
                x={(gutter + at * each).toFixed(1)}
                width={Math.max(1, each - 1).toFixed(1)}
                y={[12, 9, 4, 0][worse]}
                height={[8, 11, 16, 20][worse]}
                onClick={onPick && (() => onPick(at))}
              />
            );
          })}
        </svg>
      )}
    </div>
  );
}
