/** Overview: how much, how well, how fast, who, and whether that is all of it. */
import { address, link, own } from "../address";
import { coarse, fine, span, useAnswer } from "../ask";
import { MEASURES, type Unit } from "../fields";
import { count, percent, tick, words } from "../format";
import { failing, flagsOf, gapsOf, periodWords, total, useOver } from "../over";
import { seesAll } from "../me";
import { before } from "../period";
import { groups, keyOf, number, series, text, type Row } from "../questions";
import { Trouble, Top } from "../frame/top";
import { Empty } from "../frame/empty";
import { callsColumn, changeColumn, errorsColumn, measureColumn } from "../parts/columns";
import { FailingLegend, FailingLines, failingLayers } from "../parts/failing";
import { Figures } from "../parts/figures";
import { List } from "../parts/list";
import { Plot, type Layer } from "../parts/plot";
import { Line, Reader, Swatch, zoom } from "../parts/reader";
import { gutter } from "../parts/scale";
import { leftOf, others, Ranked } from "../parts/ranked";
import { Panel } from "../parts/say";
import { Spark, Strip, useWidth } from "../parts/spark";
import { Head } from "../parts/words";
import { CodeList } from "./errorcodes";
import { Gateways } from "./gateways";
import { Ledger } from "./ledger";

const FIGURES = ["calls", "error_rate", "latency_p95", "users", "applications", "response_bytes"];
/** A resource below that many calls is not called slow. */
const ENOUGH = 100;

export function Overview() {
  const { compare } = address.value;
  const totals = useAnswer({ measures: [...FIGURES, "errors"], compare }, "Figures");
  const over = useOver(FIGURES, { compare: true }, "Figures over time");
  const calls = number(totals.answer?.rows[0], "calls");
  return (
    <>
      <Top title="Overview" />
      <Trouble />
      <main class="page">
        {calls === 0 ? (
          <Empty />
        ) : (
          <>
            <OverTime totals={totals} over={over} />
            <div class="cols overview">
              <Apis calls={calls} />
              <Codes errors={number(totals.answer?.rows[0], "errors")} />
              <Ranked area="a-apps" title="Applications" per="by calls" by={["application", "application_owner"]} whole={calls} all={consumers} />
              <Ranked area="a-users" title="Users" per="by calls" by={["user"]} whole={calls} all={consumers} />
              <Slowest />
              {seesAll() && <Gateways />}
              {seesAll() && <Ledger />}
            </div>
          </>
        )}
      </main>
    </>
  );
}

function OverTime({ totals, over }: { totals: ReturnType<typeof useAnswer>; over: ReturnType<typeof useOver> }) {
  const { compare, from, to } = address.value;
  const chosen = FIGURES.includes(address.value.own["figure"] ?? "") ? (address.value.own["figure"] ?? "calls") : "calls";
  const measure = MEASURES[chosen];
  const unit: Unit = measure?.unit ?? "";
  const ends = useAnswer({ measures: ["calls", "errors", "throttled"], by: ["status_class"], step: fine.value }, "Errors over time");
  const failed = failing(ends.answer?.rows ?? [], over.axis.times);
  const row = totals.answer?.rows[0];
  const name = measure?.label ?? "";
  const per = chosen === "users" || chosen === "applications" ? `distinct, ${fine.value.words}` : fine.value.words;
  const earlier = `${before(from, to, span.value)} before`;
  const layers: Layer[] = [
    ...(compare ? [{ name: earlier, values: over.before(chosen), as: "prev" as const, ink: "var(--text-3)" }] : []),
    { name, values: over.drawn(chosen), as: "area", ink: "var(--accent)" },
  ];
  const shares = failed.calls.map((all, at) => (all ? (failed.ok[at] ?? 0) / all : null));
  const errors = number(row, "errors");
  const rate = number(row, "error_rate");
  const [box, width] = useWidth<HTMLElement>();
  return (
    <>
      <Figures specs={FIGURES.map((each) => ({ measure: each }))} totals={totals} over={over.asked} chosen={chosen} onChoose={(each) => own("figure", each === "calls" ? undefined : each)} label={`Figures, ${periodWords()}`} />
      <section class="series" ref={box}>
        <Reader
          axis={over.axis}
          label={`${name}, errors and success, ${periodWords()}`}
          read={(at) => (
            <>
              <Line mark={<Swatch class="c-accent" />} name={name} value={words(over.of(chosen)[at] ?? null, unit)} />
              {compare && <Line mark={<Swatch class="dash" />} name={earlier} value={words(over.before(chosen)[at] ?? null, unit)} />}
              <FailingLines failing={failed} at={at} />
              <Line name="Success" value={shares[at] === null || shares[at] === undefined ? "–" : `${percent(shares[at])}%`} />
            </>
          )}
        >
          <h3>
            {name} <span class="per">{per}, {periodWords()}</span>
            <ul class="legend">
              {compare && <li><Swatch class="dash" />{earlier}</li>}
              {flagsOf(over.axis).length > 0 && <li><svg class="mark off" viewBox="0 0 10 10"><path d="M1 2h8L5 8Z" /></svg>Deployment</li>}
              {gapsOf(over.axis).length > 0 && <li><svg width="12" height="8"><rect class="nodata" width="12" height="8" /></svg>No data</li>}
            </ul>
          </h3>
          <Plot layers={layers} steps={over.axis.times.length} height={176} tick={(value, top) => tick(value, unit, top)} flags={flagsOf(over.axis)} gaps={gapsOf(over.axis)} />
          <h3>
            Errors <span class="per"><b>{errors === null ? "–" : count(errors)}</b> in all, {fine.value.words}</span>
            <FailingLegend failing={failed} />
          </h3>
          <Plot layers={failingLayers(failed)} steps={over.axis.times.length} height={72} headroom={10} grid={2} tick={(value, top) => tick(value, "", top)} />
          <h3>
            Success <span class="per"><b>{rate === null ? "–" : `${percent(1 - rate)}%`}</b> of calls, {fine.value.words}</span>
            <ul class="legend">
              <li><i class="swatch box ok0" />≥ 98.5%</li><li><i class="swatch box ok1" />≥ 97%</li><li><i class="swatch box ok2" />≥ 93%</li><li><i class="swatch box ok3" />below</li>
            </ul>
          </h3>
          <Thin shares={shares} failed={failed} gutter={gutter(width)} axis={over.axis} />
        </Reader>
      </section>
    </>
  );
}

/** The strip has room for about a hundred cells: neighbours are put together by their calls. */
function Thin({ failed, gutter: left, axis }: { shares: unknown; failed: ReturnType<typeof failing>; gutter: number; axis: { times: number[]; end: number } }) {
  const steps = axis.times.length;
  const each = Math.max(1, Math.ceil(steps / 100));
  const cells = Array.from({ length: Math.ceil(steps / each) }, (_, at) => {
    const all = total(failed.calls.slice(at * each, at * each + each));
    return all ? total(failed.ok.slice(at * each, at * each + each)) / all : null;
  });
  const times = cells.map((_, at) => axis.times[at * each] ?? axis.end);
  return <Strip shares={cells} gutter={left} times={times} onPick={(at) => zoom(times[at] ?? 0, times[at + 1] ?? axis.end)} />;
}

const BY_API = ["api", "version"];

function Apis({ calls }: { calls: number | null }) {
  const { compare } = address.value;
  const asked = useAnswer({ measures: ["calls", "error_rate", "latency_p95"], by: BY_API, compare, order: "-calls", limit: 8 }, "APIs");
  const lines = useAnswer({ measures: ["calls"], by: BY_API, step: coarse.value, order: "-calls", limit: 8 });
  const of = groups(lines.answer?.rows ?? [], BY_API);
  const times = lines.answer?.times ?? [];
  const spark = (row: Row) => <Spark height={20} values={series(of.get(keyOf(row, BY_API)) ?? [], "calls", times, true).slice(0, -1)} />;
  return (
    <section class="a-apis">
      <Head title="APIs" per="by calls"><a class="all" href={link({ page: "apis" })}>{asked.answer ? `All ${count(asked.answer.groups)} API versions` : "All"}</a></Head>
      <Panel asked={asked}>
        {({ rows, groups: all }) => (
          <List
            rows={rows} field="api" head="API and version" beside={(row) => text(row, "version")}
            columns={[callsColumn, changeColumn, errorsColumn, measureColumn("latency_p95", "p95"), { head: "Over time", width: "w-spark", class: "wide", cell: spark, left: true }]}
            rest={{ words: others(all - rows.length), left: leftOf(rows, calls) }}
          />
        )}
      </Panel>
    </section>
  );
}

function Codes({ errors }: { errors: number | null }) {
  const asked = useAnswer({ measures: ["errors"], by: ["error_code", "status"], order: "-errors", limit: 12 }, "Errors");
  return (
    <section class="a-codes">
      <Head title="Errors" per="by calls"><a class="all" href={link({ page: "errors" })}>All errors</a></Head>
      <Panel asked={asked}>
        {({ rows }) => <CodeList rows={rows} errors={errors} />}
      </Panel>
    </section>
  );
}

const consumers = (groups: number | null) => <a class="all" href={link({ page: "consumers" })}>{groups === null ? "All" : `All ${count(groups)}`}</a>;

function Slowest() {
  const asked = useAnswer({ measures: ["calls", "latency_p95"], by: ["method", "resource", "api"], order: "-calls", limit: 300, also: [{ field: "resource", op: "not", values: [null] }] }, "Slowest resources");
  return (
    <section class="a-slow">
      <Head title="Slowest resources" per="p95, from 100 calls up"><a class="all" href={link({ page: "latency" })}>Latency</a></Head>
      <Panel asked={asked}>
        {({ rows }) => {
          const enough = rows.filter((row) => (number(row, "calls") ?? 0) >= ENOUGH);
          const slow = (enough.length >= 3 ? enough : rows).toSorted((a, b) => (number(b, "latency_p95") ?? 0) - (number(a, "latency_p95") ?? 0)).slice(0, 8);
          return (
            <List rows={slow} field="resource" also={["method", "api"]} bar="latency_p95" mono lead={(row) => <span class="faint small">{text(row, "method")}</span>} beside={(row) => text(row, "api")} columns={[measureColumn("latency_p95", "p95", "w-num", { sorted: true })]} />
          );
        }}
      </Panel>
    </section>
  );
}
