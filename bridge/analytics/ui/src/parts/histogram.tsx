/** How figures are spread: buckets on a log scale, because a tail is what one looks for; quantiles on the same axis. */
import { go, address, withFilter } from "../address";
import { words } from "../format";
import type { Unit } from "../fields";
import { count } from "../format";
import type { Histogram as Counts } from "../questions";
import { useWidth } from "./spark";
import { TableOf, useTable } from "./table";

/** About as wide as a letter of a mark is, in pixels. */
const LETTER = 7;

interface HistogramProps {
  counts: Counts;
  unit: Unit;
  marks: [string, number | null][];
  /** The field that a click on a bucket narrows. */
  field?: string;
}

export function Histogram({ counts, unit, marks, field }: HistogramProps) {
  const [box, width] = useWidth<HTMLDivElement>();
  const said = marks.map(([name, value]) => `${name} ${words(value, unit)}`).join(", ");
  const table = useTable(`Calls by size of the figure: ${said}`);
  const used = counts.counts.map((value, at) => (value > 0 ? at : -1)).filter((at) => at >= 0);
  const first = Math.max(0, (used[0] ?? 0) - 1);
  const last = Math.min(counts.counts.length - 1, (used[used.length - 1] ?? 0) + 1);
  const shown = counts.counts.slice(first, last + 1);
  const borders = counts.borders.slice(first, last + 2);
  const top = Math.max(1, ...shown);
  const each = width / (shown.length || 1);
  const x = (value: number) => {
    const at = borders.findLastIndex((border) => border <= value);
    const from = borders[at] ?? 0;
    const to = borders[at + 1] ?? from * 2;
    const part = to > from ? (from > 0 ? Math.log(value / from) / Math.log(to / from) : value / to) : 0;
    return Math.min(width, (Math.max(0, at) + Math.min(1, part || 0)) * each);
  };
  const narrow = (at: number) => {
    if (!field) return;
    let filters = withFilter(address.value.filters, field, "from", String(borders[at] ?? 0));
    const to = borders[at + 1];
    if (to !== undefined) filters = withFilter(filters, field, "to", String(to));
    go({ filters });
  };
  const labels = shown.map((_, at) => at).filter((at) => at % Math.max(1, Math.ceil(56 / Math.max(1, each))) === 0 && at > 0 && at * each < width - 24);
  const bucket = (at: number) => `${words(borders[at] ?? 0, unit)} to ${borders[at + 1] === undefined ? "more" : words(borders[at + 1], unit)}`;
  if (table.on) {
    return (
      <div class="plot tabled" ref={box}>
        <TableOf
          label={said} button={table.button} height={table.height} head={<><th scope="col">From, to below</th><th scope="col" class="n">Calls</th></>}
          rows={shown.map((value, at) => <tr key={borders[at]}><th scope="row">{bucket(at)}</th><td class="n">{count(value)}</td></tr>)}
        />
      </div>
    );
  }
  let line = 0;
  let before = -Infinity;
  return (
    <div class="plot static" ref={box}>
      {table.button}
      {width > 0 && (
        <svg width={width} height="148" role="img" aria-label={said}>
          <line class="grid base" x2={width} y1="127.5" y2="127.5" />
          {shown.map((value, at) => (
            <g key={borders[at]} class={field ? "pick" : ""} onClick={() => narrow(at)}>
              <title>{`${bucket(at)}: ${count(value)} calls`}</title>
              <rect class="hit" x={at * each} width={each} y="20" height="108" />
              <rect class="fill c-accent" x={(at * each).toFixed(1)} width={Math.max(1, each - 1).toFixed(1)} y={(127 - value / top * 88).toFixed(1)} height={(value ? Math.max(1, value / top * 88) : 0).toFixed(1)} />
            </g>
          ))}
          {marks.map(([name, value]) => {
            if (value === null) return null;
            const at = x(value);
            line = at - before < 96 ? line + 1 : 0;
            before = at;
            const leftward = at > width - (name.length + words(value, unit).length + 2) * LETTER;
            return (
              <g class="flag" key={name}>
                <line x1={at} x2={at} y1={6 + line * 14} y2="127" />
                <text class="halo" x={leftward ? at - 4 : at + 4} y={10 + line * 14} text-anchor={leftward ? "end" : "start"}>{name} {words(value, unit)}</text>
              </g>
            );
          })}
          {labels.map((at) => <text key={at} x={at * each} y="144" text-anchor="middle">{words(borders[at], unit)}</text>)}
        </svg>
      )}
    </div>
  );
}
