/** How long calls take and where their time goes: over time, in parts, and how it is spread. */
import { middle, useAnswer } from "../ask";
import { tick, words } from "../format";
import { flagsOf, gapsOf, periodWords, type useOver } from "../over";
import { Histogram } from "../parts/histogram";
import { Near } from "../parts/near";
import { Plot } from "../parts/plot";
import { Line, Reader, Swatch } from "../parts/reader";
import { Panel } from "../parts/say";
import { Head } from "../parts/words";
import { histogram, number, type Row } from "../questions";

/** The average call in its three parts, all rows on one scale. */
export function splitOf(row: Row) {
  return [
    { value: number(row, "request_mediation_latency_avg") ?? 0, class: "c-req" },
    { value: number(row, "backend_latency_avg") ?? 0, class: "c-back" },
    { value: number(row, "response_mediation_latency_avg") ?? 0, class: "c-res" },
  ];
}
export const PARTS = ["request_mediation_latency_avg", "backend_latency_avg", "response_mediation_latency_avg"];
export const widest = (rows: Row[]) => Math.max(1, ...rows.map((row) => splitOf(row).reduce((sum, part) => sum + part.value, 0)));

export function PartsLegend() {
  return (
    <ul class="legend">
      <li><i class="swatch box c-req" />Request mediation</li>
      <li><i class="swatch box c-back" />Backend</li>
      <li><i class="swatch box c-res" />Response mediation</li>
    </ul>
  );
}

export function Times({ over }: { over: ReturnType<typeof useOver> }) {
  const { axis } = over;
  const steps = axis.times.length;
  const ms = (measure: string, at: number) => words(over.of(measure)[at] ?? null, "ms");
  return (
    <section class="a-time">
      <Reader
        axis={axis}
        label={`Latency, ${periodWords()}`}
        read={(at) => (
          <>
            <Line name="p99" value={ms("latency_p99", at)} />
            <Line name="p95" value={ms("latency_p95", at)} />
            <Line name="p50" value={ms("latency_p50", at)} />
            <Line mark={<Swatch class="box c-res" />} name="Response mediation, avg" value={ms("response_mediation_latency_avg", at)} />
            <Line mark={<Swatch class="box c-back" />} name="Backend, avg" value={ms("backend_latency_avg", at)} />
            <Line mark={<Swatch class="box c-req" />} name="Request mediation, avg" value={ms("request_mediation_latency_avg", at)} />
            <Line name="Calls" value={words(over.of("calls")[at] ?? null, "")} />
          </>
        )}
      >
        <h3>Latency <span class="per"><Near measure="latency_p95" of={over.asked.answer?.approximate ?? null} />quantiles, ms {middle.value.words}, {periodWords()}</span></h3>
        <Plot
          height={152} steps={steps} right={32} flags={flagsOf(axis)} gaps={gapsOf(axis)} tick={(value, top) => tick(value, "ms", top)}
          layers={[
            { name: "p99", values: over.of("latency_p99"), as: "line", ink: "color-mix(in oklab, var(--bg), var(--accent) 70%)", width: 1, end: "p99" },
            { name: "p95", values: over.of("latency_p95"), as: "area", ink: "var(--accent)", end: "p95" },
            { name: "p50", values: over.of("latency_p50"), as: "line", ink: "var(--accent)", width: 2, end: "p50" },
          ]}
        />
        <h3>Where the time goes <span class="per">average call, ms {middle.value.words}</span><PartsLegend /></h3>
        <Plot
          height={128} steps={steps} right={32} headroom={12} tick={(value, top) => tick(value, "ms", top)}
          layers={[
            { name: "Request mediation", values: over.of("request_mediation_latency_avg"), as: "stack", ink: "var(--part-req)" },
            { name: "Backend", values: over.of("backend_latency_avg"), as: "stack", ink: "var(--part-back)", fill: "color-mix(in oklab, var(--bg), var(--part-back) 26%)" },
            { name: "Response mediation", values: over.of("response_mediation_latency_avg"), as: "stack", ink: "var(--part-res)" },
          ]}
        />
      </Reader>
    </section>
  );
}

export function Spread() {
  const asked = useAnswer({ measures: ["latency_histogram", "latency_p50", "latency_p95", "latency_p99", "response_bytes_histogram", "response_bytes_p50", "response_bytes_p95"] });
  const row = asked.answer?.rows[0];
  const times = histogram(row, "latency_histogram");
  const sizes = histogram(row, "response_bytes_histogram");
  return (
    <>
      <section class="a-hist">
        <Head title="Latency" per="calls by ms, log scale; click a bar to narrow" />
        <Panel asked={asked} rows={4}>{() => times && <Histogram counts={times} unit="ms" field="latency" marks={["p50", "p95", "p99"].map((name) => [name, number(row, `latency_${name}`)])} />}</Panel>
      </section>
      <section class="a-sizes">
        <Head title="Response size" per="calls by bytes, log scale" />
        <Panel asked={asked} rows={4}>{() => sizes && <Histogram counts={sizes} unit="bytes" marks={["p50", "p95"].map((name) => [name, number(row, `response_bytes_${name}`)])} />}</Panel>
      </section>
    </>
  );
}
