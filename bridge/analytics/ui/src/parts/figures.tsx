/** The headline figures of a page: number, change, spark. Each may pick what the first plot draws. */
import type { Asked } from "../ask";
import { address } from "../address";
import { MEASURES } from "../fields";
import { words } from "../format";
import { number, series, was } from "../questions";
import { Near } from "./near";
import { useLater } from "./say";
import { Spark, type Points } from "./spark";
import { Delta, N } from "./words";

export interface FigureSpec {
  measure: string;
  label?: string;
}

interface FiguresProps {
  specs: FigureSpec[];
  totals: Asked;
  /** The same measures over time, for the sparks. */
  over: Asked;
  chosen?: string;
  onChoose?: (measure: string) => void;
  label: string;
}

export function Figures({ specs, totals, over, chosen, onChoose, label }: FiguresProps) {
  const late = useLater(totals.waits && !totals.answer, 150);
  const row = totals.answer?.rows[0];
  const cell = (spec: FigureSpec) => {
    const measure = MEASURES[spec.measure];
    if (!measure) return null;
    const now = number(row, spec.measure);
    const before = was(row, spec.measure);
    const empty = totals.answer !== null && number(row, "calls") === 0 && !measure.adds && measure.unit !== "";
    return (
      <>
        <span class="k">
          <span class="cut">{spec.label ?? measure.label}</span>
          {!empty && <Delta now={now} before={before} unit={measure.unit} good={measure.good} />}
        </span>
        {totals.answer ? <span class="v"><Near measure={spec.measure} of={totals.answer.approximate} /><N value={empty ? null : now} unit={measure.unit} /></span> : <span class="v">{late && <i class="sk sk-val" />}</span>}
        <span class="was">{totals.answer ? (address.value.compare && before !== null && !empty ? `from ${words(before, measure.unit)}` : "\u00a0") : late ? <i class="sk sk-was" /> : "\u00a0"}</span>
        <Spark values={sparkOf(over, spec.measure, measure.adds)} />
      </>
    );
  };
  return (
    <div class="kpis" role={onChoose ? "tablist" : "group"} aria-label={label}>
      {specs.map((spec) =>
        onChoose ? (
          <button class="kpi" key={spec.measure} role="tab" aria-selected={spec.measure === chosen} onClick={() => onChoose(spec.measure)}>{cell(spec)}</button>
        ) : (
          <div class="kpi" key={spec.measure}>{cell(spec)}</div>
        ),
      )}
    </div>
  );
}

/** The series, thinned to what a spark can show; the last step is not over yet and left out. */
function sparkOf(over: Asked, measure: string, adds: boolean): Points {
  if (!over.answer) return [];
  const { rows, times } = over.answer;
  const all = series(rows, measure, times, adds).slice(0, -1);
  const each = Math.max(1, Math.ceil(all.length / 72));
  return Array.from({ length: Math.ceil(all.length / each) }, (_, at) => {
    const some = all.slice(at * each, at * each + each).filter((value) => value !== null);
    return some.length ? some.reduce((sum, value) => sum + value, 0) / some.length : null;
  });
}
