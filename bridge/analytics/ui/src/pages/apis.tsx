/** APIs: all of them; or, when the filters leave one, that one taken apart. */
import { address, only } from "../address";
import { coarse, useAnswer } from "../ask";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count } from "../format";
import { periodWords, useOver } from "../over";
import { callsColumn, changeColumn, errorsColumn, measureColumn } from "../parts/columns";
import { Figures } from "../parts/figures";
import { List } from "../parts/list";
import { leftOf, others } from "../parts/ranked";
import { Panel } from "../parts/say";
import { Spark, Split } from "../parts/spark";
import { Head } from "../parts/words";
import { groups, keyOf, number, series, text, type Row } from "../questions";
import { OneApi } from "./api";
import { PARTS, PartsLegend, splitOf, widest } from "./times";

const FIGURES = ["calls", "error_rate", "latency_p50", "latency_p95", "users", "cache_hit_rate"];
const BY = ["api", "version", "api_type"];
const ROWS = 100;

export function Apis() {
  const one = only("api");
  return one ? <OneApi name={one} /> : <AllApis />;
}

function AllApis() {
  const { compare } = address.value;
  const totals = useAnswer({ measures: FIGURES, compare });
  const over = useOver(FIGURES);
  const calls = number(totals.answer?.rows[0], "calls");
  const asked = useAnswer({ measures: ["calls", "error_rate", "latency_p50", "latency_p95", "users", "applications", "cache_hit_rate", ...PARTS], by: BY, compare, order: "-calls", limit: ROWS }, "APIs");
  const lines = useAnswer({ measures: ["calls"], by: BY, step: coarse.value, order: "-calls", limit: ROWS });
  const of = groups(lines.answer?.rows ?? [], BY);
  const spark = (row: Row) => <Spark height={20} values={series(of.get(keyOf(row, BY)) ?? [], "calls", lines.answer?.times ?? [], true).slice(0, -1)} />;
  return (
    <>
      <Top title="APIs" />
      <Trouble />
      <main class="page">
        {calls === 0 ? <Empty /> : (
          <>
            <Figures specs={FIGURES.map((measure) => ({ measure }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
            <div class="cols one">
              <section>
                <Head title="APIs" per={`${asked.answer ? count(asked.answer.groups) : "–"} versions, by calls, ${periodWords()}`}><PartsLegend /></Head>
                <Panel asked={asked} rows={16}>
                  {({ rows, groups: all }) => {
                    const top = widest(rows);
                    return (
                      <List
                        rows={rows} field="api" head="API and version" beside={(row) => `${text(row, "version") ?? ""} ${kindOfApi(text(row, "api_type"))}`}
                        columns={[
                          callsColumn, changeColumn, errorsColumn,
                          { head: "Time of the average call", width: "w-split", class: "wide", left: true, cell: (row) => <Split parts={splitOf(row)} top={top} /> },
                          measureColumn("latency_p50", "p50", "w-ms", { class: "wide" }), measureColumn("latency_p95", "p95"),
                          measureColumn("cache_hit_rate", "Cached", "w-pct", { class: "wider soft" }), measureColumn("applications", "Apps", "w-pct", { class: "wider soft" }), measureColumn("users", "Users", "w-ms", { class: "wide soft" }),
                          { head: "Over time", width: "w-spark", class: "wide", cell: spark, left: true },
                        ]}
                        rest={{ words: others(all - rows.length), left: leftOf(rows, calls) }}
                      />
                    );
                  }}
                </Panel>
              </section>
            </div>
          </>
        )}
      </main>
    </>
  );
}

/** The plain kind is not worth a word. */
const kindOfApi = (type: string | null) => (type === null || type === "HTTP" ? "" : `· ${type}`);
