/** A view that counts: over time, as bars, table, heat map or map. Fetched when the workspace is one. */
import { Shown } from "../explore/shown";
import { titleOf, type View } from "../explore/view";
import { Wide } from "../explore/wide";
import type { Options } from "./options";

export function ChartView({ view, options }: { view: View; options: Options }) {
  return (
    <main>
      <p class="small faint per-line">{options.yLabel || (titleOf(view) === view.title ? "" : titleOf(view))}</p>
      <Shown view={view} also={view.filters} name={view.title} tall />
      {options.xLabel && <p class="small faint x-label">{options.xLabel}</p>}
      {view.form === "time" && view.by.length > 0 && (
        <div class="totals">
          <h2>The same of the whole period</h2>
          <Wide view={{ ...view, form: "table", measures: [...new Set([...view.measures, "calls"])] }} also={view.filters} name="" />
        </div>
      )}
    </main>
  );
}
