/** Errors over time: three kinds upon one another, each with its shape in the legend; the legend filters. */
import { filterLink } from "../address";
import type { Failing } from "../over";
import { count } from "../format";
import { Line } from "./reader";
import { Mark } from "./words";
import type { Layer } from "./plot";

export function failingLayers({ e4, e5, thr, other }: Failing): Layer[] {
  const layers: Layer[] = [
    { name: "5xx", values: e5, as: "bars", ink: "var(--s5xx)" },
    { name: "Throttled", values: thr, as: "bars", ink: "var(--thr)" },
    { name: "4xx", values: e4, as: "bars", ink: "var(--s4xx)" },
  ];
  return other.some(Boolean) ? [...layers, { name: "Other", values: other, as: "bars", ink: "var(--s3xx)" }] : layers;
}

export function FailingLegend({ failing }: { failing: Failing }) {
  return (
    <ul class="legend">
      <li><a href={filterLink("status_class", "5xx")} title="Only 5xx"><Mark kind="5xx" /> 5xx</a></li>
      <li><a href={filterLink("error_type", "THROTTLED")} title="Only throttled calls"><Mark kind="thr" /> Throttled</a></li>
      <li><a href={filterLink("status_class", "4xx")} title="Only 4xx"><Mark kind="4xx" /> 4xx</a></li>
      {failing.other.some(Boolean) && <li><Mark kind="3xx" /> Other</li>}
    </ul>
  );
}

export function FailingLines({ failing, at }: { failing: Failing; at: number }) {
  const { e4, e5, thr, other } = failing;
  return (
    <>
      <Line mark={<Mark kind="5xx" />} name="5xx" value={count(e5[at] ?? 0)} />
      <Line mark={<Mark kind="thr" />} name="Throttled" value={count(thr[at] ?? 0)} />
      <Line mark={<Mark kind="4xx" />} name="4xx" value={count(e4[at] ?? 0)} />
      {other.some(Boolean) && <Line mark={<Mark kind="3xx" />} name="Other" value={count(other[at] ?? 0)} />}
    </>
  );
}
