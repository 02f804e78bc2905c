/** A view as a table: a column for each dimension and each measure; a heading orders by it. */
import { useEffect, useState } from "preact/hooks";
import { filterLink } from "../address";
import { useAnswer } from "../ask";
import { DIMENSIONS, fieldLabel, MEASURES, valueLabel } from "../fields";
import { count } from "../format";
import { length } from "../parts/list";
import { Near } from "../parts/near";
import { Nothing, Panel } from "../parts/say";
import { N } from "../parts/words";
import { keyOf, number, text } from "../questions";
import type { ShownProps } from "./shown";
import { measureLabel, ROWS } from "./view";

export function Wide({ view, also, name, onOrder }: ShownProps) {
  const { measures, by, limit = ROWS } = view;
  const given = view.order ?? `-${measures[0] ?? "calls"}`;
  const [order, put] = useState(given);
  useEffect(() => put(given), [given]);
  const asked = useAnswer({ measures, ...(by.length ? { by } : {}), order, limit, also }, name);
  const ordered = order.replace(/^-/, "");
  const choose = (measure: string) => {
    const next = order === `-${measure}` ? measure : `-${measure}`;
    put(next);
    onOrder?.(next);
  };
  return (
    <Panel asked={asked} rows={by.length ? limit : 1}>
      {({ rows, groups }) => {
        if (rows.length === 0) return <Nothing>No calls in this period.</Nothing>;
        const top = Math.max(...rows.map((row) => number(row, ordered) ?? 0), 1e-9);
        return (
          <div class="scrolled">
            <table class="wide-table">
              <thead>
                <tr>
                  {by.map((field) => <th scope="col" key={field}>{fieldLabel(field)}</th>)}
                  {measures.map((measure) => (
                    <th scope="col" class="n" key={measure} {...(measure === ordered ? { "aria-sort": order.startsWith("-") ? "descending" as const : "ascending" as const } : {})}>
                      <button type="button" title={`Order by ${measureLabel(measure).toLowerCase()}`} onClick={() => choose(measure)}><Near measure={measure} />{measureLabel(measure)}</button>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={keyOf(row, by)}>
                    {by.map((field, at) => {
                      const value = text(row, field);
                      return (
                        <td key={field} class={at === 0 ? "bar" : ""} {...(at === 0 ? { ref: length((number(row, ordered) ?? 0) / top) } : {})}>
                          <a class={`${at === 0 ? "row" : ""} ${DIMENSIONS[field]?.mono ? "mono" : ""} ${value === null ? "missing" : ""}`} href={filterLink(field, value)} data-not={filterLink(field, value, "not")} title={valueLabel(field, value)}>{valueLabel(field, value)}</a>
                        </td>
                      );
                    })}
                    {measures.map((measure) => <td class="n" key={measure}><N value={number(row, measure)} unit={MEASURES[measure]?.unit ?? ""} /></td>)}
                  </tr>
                ))}
              </tbody>
            </table>
            {groups > rows.length && <p class="small faint rows-left">The first {count(rows.length)} of {count(groups)} rows; more in an export.</p>}
          </div>
        );
      }}
    </Panel>
  );
}
