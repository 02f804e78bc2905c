/** A view over time: stacked bars where parts add up, with what is left as a part of its own; lines where they do not. */
import { address, link, withFilter } from "../address";
import { middle, useAnswer } from "../ask";
import { MEASURES, valueLabel } from "../fields";
import { tick, words } from "../format";
import { axisOf, flagsOf, gapsOf, periodWords, whole } from "../over";
import { Near } from "../parts/near";
import { Plot, type Layer } from "../parts/plot";
import { others } from "../parts/ranked";
import { Line, Reader, Swatch } from "../parts/reader";
import { Failed } from "../parts/say";
import { groups, number, series, text, was, type Row } from "../questions";
import type { ShownProps } from "./shown";
import { measureLabel } from "./view";

/** As many as there are categories that can be told apart. */
const LINES = 6;

interface Part {
  key: string;
  name: string;
  row: Row | null;
  values: (number | null)[];
  swatch: string;
  ink: string;
}

const nameOf = (row: Row, by: string[]) => by.map((field) => valueLabel(field, text(row, field))).join(" · ");

export function Over({ view, also, name, tall = false }: ShownProps) {
  const { measures: [measure = "calls"], by, limit = LINES, title } = view;
  const of = MEASURES[measure];
  const unit = of?.unit ?? "";
  const adds = of?.adds ?? false;
  const compare = by.length === 0 && address.value.compare;
  const step = middle.value;
  // A quantile of few calls may be anything: lines are of those with most calls.
  const asked = useAnswer({ measures: adds ? [measure] : [measure, "calls"], ...(by.length ? { by } : {}), step, order: adds ? `-${measure}` : "-calls", limit, also, ...(compare ? { compare } : {}) }, name);
  const axis = axisOf(asked);
  const rows = asked.answer?.rows ?? [];
  const left = (asked.answer?.groups ?? 0) - groups(rows, by).size;
  const all = useAnswer(adds && by.length > 0 && left > 0 ? { measures: [measure], step, also } : null);
  const total = useAnswer({ measures: [measure], also });
  const found = [...groups(rows, by)].map(([key, of_], at): Part => ({
    key, name: by.length ? nameOf(of_[0] ?? {}, by) : measureLabel(measure), row: by.length ? (of_[0] ?? null) : null,
    values: series(of_, measure, axis.times, adds), swatch: `c${at + 1}`, ink: `var(--cat-${at + 1})`,
  }));
  const rest = adds && all.answer && left > 0 ? series(all.answer.rows, measure, axis.times, true).map((value, at) => Math.max(0, (value ?? 0) - found.reduce((sum, part) => sum + (part.values[at] ?? 0), 0))) : null;
  const parts = rest ? [...found, { key: "others", name: others(left), row: null, values: rest, swatch: "rest", ink: "var(--control)" }] : found;
  const before = compare ? series(rows, measure, axis.times, adds, was) : null;
  const drawn = (part: Part): Layer => {
    if (by.length === 0) return { name: part.name, values: whole(part.values, asked), as: "area", ink: "var(--accent)" };
    return adds ? { name: part.name, values: part.values, as: "bars", ink: part.ink } : { name: part.name, values: whole(part.values, asked), as: "line", ink: part.ink };
  };
  const layers = [...(before ? [{ name: "Before", values: whole(before, asked), as: "prev" as const, ink: "var(--text-3)" }] : []), ...parts.map(drawn)];
  const mark = (part: Part) => <Swatch class={by.length === 0 ? "c-accent" : `${adds ? "box " : ""}${part.swatch}`} />;
  if (asked.failure && !asked.answer) return <Failed failure={asked.failure} />;
  const sum = number(total.answer?.rows[0], measure);
  return (
    <>
      <Reader
        axis={axis} label={`${title}, ${periodWords()}`}
        read={(at) => (
          <>
            {parts.map((part) => <Line key={part.key} mark={mark(part)} name={part.name} value={words(part.values[at] ?? null, unit)} />)}
            {before && <Line mark={<Swatch class="dash" />} name="Before" value={words(before[at] ?? null, unit)} />}
          </>
        )}
      >
        <h3><span class="per"><Near measure={measure} of={total.answer?.approximate ?? null} /><b>{words(sum, unit)}</b> {adds ? "in all" : "over all"}, {step.words}{!adds && left > 0 && `, the ${found.length} with most calls of ${found.length + left}`}</span></h3>
        <Plot height={tall ? 320 : 176} headroom={12} steps={axis.times.length} layers={layers} flags={flagsOf(axis)} gaps={gapsOf(axis)} tick={(value, top) => tick(value, unit, top)} />
      </Reader>
      <ul class="legend below">
        {by.length > 0 && parts.map((part) => {
          const row = part.row;
          return <li key={part.key}>{row ? <a href={link({ filters: by.reduce((filters, field) => withFilter(filters, field, "is", text(row, field)), address.value.filters) })}>{mark(part)} {part.name}</a> : <>{mark(part)} {part.name}</>}</li>;
        })}
        {before && <li><Swatch class="dash" /> the period before</li>}
      </ul>
    </>
  );
}
