/** Latency: how long calls take, which are slow, and whose time it is; outliers one click from their events. */
import { address } from "../address";
import { middle, useAnswer } from "../ask";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { periodWords, useOver } from "../over";
import { callsColumn, measureColumn } from "../parts/columns";
import { Figures } from "../parts/figures";
import { List } from "../parts/list";
import { Panel } from "../parts/say";
import { Split } from "../parts/spark";
import { Head } from "../parts/words";
import { number, text, type Row } from "../questions";
import { Outliers } from "./outliers";
import { PARTS, PartsLegend, splitOf, Spread, Times, widest } from "./times";

const FIGURES = ["latency_p50", "latency_p95", "latency_p99", "backend_latency_p95", "request_mediation_latency_p95", "response_mediation_latency_p95"];
const LABELS: Record<string, string> = { backend_latency_p95: "p95 backend", request_mediation_latency_p95: "p95 request part", response_mediation_latency_p95: "p95 response part" };
const ENOUGH = 100;

export function Latency() {
  const { compare } = address.value;
  const totals = useAnswer({ measures: [...FIGURES, "calls", "latency_max"], compare }, "Figures");
  const over = useOver([...FIGURES, ...PARTS, "calls"], { right: 32, step: middle.value }, "Over time");
  const row = totals.answer?.rows[0];
  return (
    <>
      <Top title="Latency" />
      <Trouble />
      <main class="page">
        {number(row, "calls") === 0 ? <Empty /> : (
          <>
            <Figures specs={FIGURES.map((measure) => ({ measure, ...(LABELS[measure] ? { label: LABELS[measure] } : {}) }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
            <div class="cols latency">
              <Times over={over} />
              <section class="a-side">
                <Outliers row={row} />
              </section>
              <Slow title="Slowest resources" area="a-res" by={["resource", "method", "api"]} mono />
              <Slow title="APIs" area="a-apis" by={["api", "version"]} />
              <Slow title="Backends" area="a-back" by={["backend"]} measure="backend_latency_p95" mono />
              <Spread />
            </div>
          </>
        )}
      </main>
    </>
  );
}

/** From so many calls up; of what is asked by calls, the slowest stand here. */
function Slow({ title, area, by, measure = "latency_p95", mono = false }: { title: string; area: string; by: string[]; measure?: string; mono?: boolean }) {
  const [field = ""] = by;
  const p50 = measure.replace("p95", "p50");
  const p99 = measure.replace("p95", "p99");
  const asked = useAnswer({ measures: ["calls", p50, measure, p99, ...PARTS], by, order: "-calls", limit: 300, also: [{ field, op: "not", values: [null] }] }, title);
  return (
    <section class={area}>
      <Head title={title} per={`slowest by p95, from ${ENOUGH} calls up`}>{area === "a-res" && <PartsLegend />}</Head>
      <Panel asked={asked} rows={10}>
        {({ rows }) => {
          const enough = rows.filter((row) => (number(row, "calls") ?? 0) >= ENOUGH);
          const slow = (enough.length >= 3 ? enough : rows).toSorted((a, b) => (number(b, measure) ?? 0) - (number(a, measure) ?? 0)).slice(0, 10);
          const top = widest(slow);
          const beside = (row: Row) => text(row, field === "resource" ? "api" : (by[1] ?? ""));
          return (
            <List
              rows={slow} field={field} also={field === "resource" ? by.slice(1) : []} bar={measure} mono={mono} {...(field === "resource" ? { lead: (row: Row) => <span class="faint small">{text(row, "method")}</span> } : {})} {...(by[1] ? { beside } : {})}
              columns={[
                ...(field === "resource" ? [{ head: "Time of the average call", width: "w-split", class: "wide", left: true, cell: (row: Row) => <Split parts={splitOf(row)} top={top} /> }] : []),
                ...(area === "a-back" ? [] : [measureColumn(p50, "p50", "w-ms", { class: "wide" })]), measureColumn(measure, "p95", "w-ms", { sorted: true }), ...(area === "a-back" ? [] : [measureColumn(p99, "p99", "w-ms", { class: "wide" })]), { ...callsColumn, sorted: false, class: "wide soft" },
              ]}
            />
          );
        }}
      </Panel>
    </section>
  );
}
