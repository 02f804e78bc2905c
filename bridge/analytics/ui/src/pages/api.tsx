/** One API: is it the gateway or the backend, which version, which resource, and who feels it. */
import { address, link } from "../address";
import { middle, useAnswer } from "../ask";
import { kindOf, statusWords, type Kind } from "../codes";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count, dayAndClock, percent, words } from "../format";
import { periodWords, useOver } from "../over";
import { callsColumn, changeColumn, errorsColumn, measureColumn } from "../parts/columns";
import { Figures } from "../parts/figures";
import { List } from "../parts/list";
import { leftOf, others, Ranked } from "../parts/ranked";
import { Panel } from "../parts/say";
import { Split } from "../parts/spark";
import { Head, inkOf, Mark, N } from "../parts/words";
import { is, not, number, text, type Row } from "../questions";
import { ErrorTable } from "./errorcodes";
import { PARTS, PartsLegend, splitOf, Spread, Times, widest } from "./times";

const FIGURES = ["calls", "error_rate", "latency_p50", "latency_p95", "users", "cache_hit_rate"];
const QUANTILES = ["latency_p50", "latency_p95", "latency_p99"];

export function OneApi({ name }: { name: string }) {
  const { compare } = address.value;
  const totals = useAnswer({ measures: [...FIGURES, "applications", "errors"], compare }, "Figures");
  const over = useOver([...FIGURES, ...QUANTILES, ...PARTS], { right: 32, step: middle.value }, "Over time");
  const calls = number(totals.answer?.rows[0], "calls");
  const all = link({ filters: address.value.filters.filter((filter) => filter.field !== "api") });
  return (
    <>
      <Top title={name} crumb={<a class="crumb wide" href={all}>APIs&ensp;/&ensp;</a>} />
      <Trouble />
      <main class="page">
        {calls === 0 ? <Empty /> : (
          <>
            <About applications={number(totals.answer?.rows[0], "applications")} />
            <Figures specs={FIGURES.map((measure) => ({ measure }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
            <div class="cols api">
              <Times over={over} />
              <Side calls={calls} />
              <Resources calls={calls} />
              <ErrorTable errors={number(totals.answer?.rows[0], "errors")} />
              <Statuses calls={calls} />
              <Ranked area="a-apps" title="Applications" by={["application", "application_owner"]} whole={calls} columns={["errors"]} />
              <Ranked area="a-users" title="Users" by={["user"]} whole={calls} columns={["errors"]} />
              <Ranked area="a-back" title="Backends" by={["backend"]} whole={calls} columns={["errors"]} mono />
              <Spread />
              <Cache />
            </div>
          </>
        )}
      </main>
    </>
  );
}

function About({ applications }: { applications: number | null }) {
  const asked = useAnswer({ measures: ["calls"], by: ["api_type", "context", "api_creator", "tenant"], order: "-calls", limit: 1 });
  const life = useAnswer({ measures: ["first_seen", "last_seen"], always: true });
  const row = asked.answer?.rows[0];
  const { zone } = address.value;
  const seen = text(life.answer?.rows[0], "first_seen");
  const last = text(life.answer?.rows[0], "last_seen");
  return (
    <p class="about">
      {row ? (
        <>
          <span>{text(row, "api_type") ?? "API"}</span>
          {text(row, "context") && <span class="mono">{text(row, "context")}</span>}
          {text(row, "tenant") && <span>Tenant {text(row, "tenant")}</span>}
          {text(row, "api_creator") && <span>Made by {text(row, "api_creator")}</span>}
          {applications !== null && <span>Called by {count(applications)} applications</span>}
          {seen && last && <><span>First seen {dayAndClock(Date.parse(seen), zone)}</span><span>Last seen {dayAndClock(Date.parse(last), zone)}</span></>}
        </>
      ) : "\u00a0"}
    </p>
  );
}

const STATISTICS = ["avg", "p50", "p95", "p99"];
const PART_ROWS: [string, string, string][] = [["c-req", "Request mediation", "request_mediation_latency"], ["c-back", "Backend", "backend_latency"], ["c-res", "Response mediation", "response_mediation_latency"], ["", "Whole call", "latency"]];

function Side({ calls }: { calls: number | null }) {
  const versions = useAnswer({ measures: ["calls", "error_rate", "latency_p95"], by: ["version"], without: ["version"], order: "-calls", limit: 6 }, "Versions");
  const parts = useAnswer({ measures: PART_ROWS.flatMap(([, , name]) => STATISTICS.map((statistic) => `${name}_${statistic}`)) });
  return (
    <section class="a-side">
      <div>
        <Head title="Versions" per="by calls" />
        <Panel asked={versions} rows={3}>
          {({ rows }) => <List rows={rows} field="version" columns={[callsColumn, errorsColumn, measureColumn("latency_p95", "p95")]} />}
        </Panel>
      </div>
      <div class="box2">
        <Head title="The call in its parts" per="ms" />
        <Panel asked={parts} rows={5}>
          {({ rows: [row] }) => (
            <>
              <div class="call"><Split parts={splitOf(row ?? {})} top={widest([row ?? {}])} height={12} /></div>
              <table class="plain">
                <thead><tr><th scope="col">Part</th>{STATISTICS.map((statistic) => <th scope="col" class="n w-s" key={statistic}>{statistic}</th>)}</tr></thead>
                <tbody>
                  {PART_ROWS.map(([own, label, name]) => (
                    <tr key={name} class={own ? "" : "whole"}><td>{own && <i class={`swatch box inl ${own}`} />} {label}</td>{STATISTICS.map((statistic) => <td class="n" key={statistic}>{words(number(row, `${name}_${statistic}`), "ms").replace(" ms", "")}</td>)}</tr>
                  ))}
                </tbody>
              </table>
              {calls !== null && <p class="small faint">Quantiles do not add up; the averages do.</p>}
            </>
          )}
        </Panel>
      </div>
    </section>
  );
}

function Resources({ calls }: { calls: number | null }) {
  const { compare } = address.value;
  const asked = useAnswer({ measures: ["calls", "error_rate", "latency_p50", "latency_p95", "latency_p99", "cache_hit_rate", "response_bytes_avg", ...PARTS], by: ["method", "resource"], compare, order: "-calls", limit: 12, also: [not("resource", null)] }, "Resources");
  const faults = useAnswer({ measures: ["calls"], also: [is("resource", null)] });
  const unnamed = number(faults.answer?.rows[0], "calls") ?? 0;
  return (
    <section class="a-res">
      <Head title="Resources" per={`by calls, ${periodWords()}`}><PartsLegend /></Head>
      <Panel asked={asked} rows={9}>
        {({ rows, groups }) => {
          const top = widest(rows);
          return (
            <List
              rows={rows} field="resource" also={["method"]} mono lead={(row) => <span class="faint small">{text(row, "method")}</span>}
              columns={[
                callsColumn, changeColumn, errorsColumn,
                { head: "Time of the average call", width: "w-split", class: "wide", left: true, cell: (row: Row) => <Split parts={splitOf(row)} top={top} /> },
                measureColumn("latency_p50", "p50", "w-ms", { class: "wide" }), measureColumn("latency_p95", "p95"), measureColumn("latency_p99", "p99", "w-ms", { class: "wide" }),
                measureColumn("cache_hit_rate", "Cached", "w-pct", { class: "wide soft" }), measureColumn("response_bytes_avg", "Size", "w-ms", { class: "wider soft" }),
              ]}
              rest={{ words: groups > rows.length ? `${others(groups - rows.length)}, and ${count(unnamed)} faults` : "Faults: WSO2 names no resource", left: leftOf(rows, calls) }}
            />
          );
        }}
      </Panel>
    </section>
  );
}

const KINDS: Kind[] = ["2xx", "3xx", "4xx", "thr", "5xx"];

function Statuses({ calls }: { calls: number | null }) {
  const asked = useAnswer({ measures: ["calls"], by: ["status"], order: "status", limit: 30 }, "Status");
  return (
    <section class="a-status">
      <Head title="Status" per="of the answer, by calls" />
      <Panel asked={asked}>
        {({ rows }) => {
          const of = (kind: Kind) => rows.filter((row) => kindOf(text(row, "status")) === kind).reduce((sum, row) => sum + (number(row, "calls") ?? 0), 0);
          return (
            <>
              <div class="call"><Split height={12} least={3} top={calls ?? 1} parts={KINDS.map((kind) => ({ value: of(kind), class: kind === "thr" ? "thr" : `s${kind}` }))} /></div>
              <List
                rows={rows} field="status" kind={(row) => kindOf(text(row, "status"))} label={(row) => { const kind = kindOf(text(row, "status")); return <><span class={inkOf(kind)}><Mark kind={kind} /> <span class="mono">{text(row, "status") ?? "none"}</span></span> <span class="soft">{statusWords(text(row, "status"))}</span></>; }}
                columns={[callsColumn, { head: "Share", width: "w-pct", cell: (row) => <span class="soft">{calls ? <>{percent((number(row, "calls") ?? 0) / calls)}<span class="u">%</span></> : ""}</span> }]}
              />
            </>
          );
        }}
      </Panel>
    </section>
  );
}

function Cache() {
  const asked = useAnswer({ measures: ["calls", "latency_p50", "latency_p95"], by: ["cache_hit"], order: "-calls" }, "Cache");
  return (
    <section class="a-cache">
      <Head title="Cache" per="who answered" />
      <Panel asked={asked} rows={3}>
        {({ rows }) => (
          <List rows={rows} field="cache_hit" head="Answered by" label={(row) => (row["cache_hit"] === null ? "Faults say nothing of it" : row["cache_hit"] === true ? "Gateway’s cache" : "Backend")} columns={[callsColumn, { head: "p50", width: "w-ms", cell: (row) => <N value={number(row, "latency_p50")} unit="ms" /> }, { head: "p95", width: "w-ms", cell: (row) => <N value={number(row, "latency_p95")} unit="ms" /> }]} />
        )}
      </Panel>
    </section>
  );
}
