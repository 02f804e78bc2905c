/** A view as a heat map: two dimensions across each other; hours and weekdays in their order, all else by size. */
import { address, link, withFilter } from "../address";
import { useAnswer } from "../ask";
import { fieldLabel, MEASURES, valueLabel } from "../fields";
import { words } from "../format";
import { periodWords } from "../over";
import { Heat } from "../parts/heat";
import { Nothing, Panel } from "../parts/say";
import { keyOf, number, text, type Row } from "../questions";
import type { ShownProps } from "./shown";
import { measureLabel } from "./view";

const MOST_ROWS = 24;
const MOST_COLUMNS = 24;
/** What has an order of its own. */
const ORDERED: Record<string, number[]> = { hour: Array.from({ length: 24 }, (_, hour) => hour), weekday: [1, 2, 3, 4, 5, 6, 7] };

/** The values of a field in the order of the picture, the largest sums first where they have none of their own. */
export function valuesOf(rows: Row[], field: string, measure: string, most: number): (string | null)[] {
  const ordered = ORDERED[field];
  if (ordered) return ordered.map(String);
  const sums = new Map<string | null, number>();
  for (const row of rows) sums.set(text(row, field), (sums.get(text(row, field)) ?? 0) + (number(row, measure) ?? 0));
  const values = [...sums].toSorted((a, b) => b[1] - a[1]).slice(0, most).map(([value]) => value);
  return field === "status" || field === "status_class" ? values.toSorted((a, b) => (a ?? "~").localeCompare(b ?? "~")) : values;
}

export function Matrix({ view, also, name }: ShownProps) {
  const { measures: [measure = "calls"], by: [first = "api", second = "status_class"], title } = view;
  const asked = useAnswer({ measures: [measure], by: [first, second], order: `-${measure}`, limit: 1000, also }, name);
  const unit = MEASURES[measure]?.unit ?? "";
  return (
    <Panel asked={asked} rows={7}>
      {({ rows }) => {
        if (rows.length === 0) return <Nothing>No {measureLabel(measure).toLowerCase()} in this period.</Nothing>;
        const down = valuesOf(rows, first, measure, MOST_ROWS);
        const across = valuesOf(rows, second, measure, MOST_COLUMNS);
        const cells = new Map(rows.map((row) => [keyOf(row, [first, second]), number(row, measure)]));
        const all = new Set(rows.map((row) => text(row, first))).size;
        return (
          <div class="scrolled">
            <Heat
              class={across.length > 12 ? "fine" : "coarse"} unit={unit} label={`${title}, ${periodWords()}`}
              heads={across.map((value) => (second === "hour" ? (value ?? "").padStart(2, "0") : valueLabel(second, value)))}
              rows={down.map((row) => ({
                label: valueLabel(first, row),
                cells: across.map((column) => {
                  const value = cells.get(keyOf({ [first]: row, [second]: column }, [first, second]));
                  if (value === undefined || value === null) return null;
                  const filters = withFilter(withFilter(address.value.filters, first, "is", row), second, "is", column);
                  return { value, title: `${valueLabel(first, row)}, ${valueLabel(second, column)}: ${words(value, unit)} ${unit ? measureLabel(measure) : measureLabel(measure).toLowerCase()}`, href: link({ filters }) };
                }),
              }))}
            />
            {all > down.length && !(first in ORDERED) && <p class="small faint">The first {down.length} of {all} {fieldLabel(first).toLowerCase()} values.</p>}
          </div>
        );
      }}
    </Panel>
  );
}
