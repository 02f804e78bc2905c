/** Explore: any question as series, bars, table or heat map. The whole question stands in the address. */
import { address, go, link, withFilter } from "../address";
import { middle, useAnswer } from "../ask";
import { DIMENSIONS, MEASURES, valueLabel } from "../fields";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count, tick, words } from "../format";
import { axisOf, flagsOf, gapsOf, periodWords, whole } from "../over";
import { callsColumn, errorsColumn, measureColumn } from "../parts/columns";
import { Heat } from "../parts/heat";
import { List, type Column } from "../parts/list";
import { Plot, type Layer } from "../parts/plot";
import { leftOf, others } from "../parts/ranked";
import { Line, Reader, Swatch } from "../parts/reader";
import { Panel } from "../parts/say";
import { Head } from "../parts/words";
import { groups, keyOf, number, series, text, type Row } from "../questions";

const SHOWN = { series: "Over time", bars: "Bars", table: "Table", heat: "Heat map" };
type Shown = keyof typeof SHOWN;
const LINES = 6;
const ROWS = 25;

interface Choice {
  measure: string;
  by: string[];
  show: Shown;
}

function choice(): Choice {
  const { measure = "", by = "api", and = "", show = "" } = address.value.own;
  const fields = [by, and].filter((field, at, all) => field in DIMENSIONS && all.indexOf(field) === at);
  return { measure: measure in MEASURES ? measure : "calls", by: fields, show: show in SHOWN ? (show as Shown) : "series" };
}

const put = (change: Record<string, string>) => go({ own: Object.fromEntries(Object.entries({ ...address.value.own, ...change })) }, "push");

export function Explore() {
  const { measure, by, show } = choice();
  const totals = useAnswer({ measures: ["calls"] });
  const of = MEASURES[measure];
  const title = `${of?.label ?? measure}${by.length ? ` by ${by.map((field) => DIMENSIONS[field]?.label ?? field).join(" and ")}` : ""}`;
  return (
    <>
      <Top title="Explore" />
      <Trouble />
      <main class="page">
        <form class="ask-bar" onSubmit={(event) => event.preventDefault()}>
          <Select label="Measure" value={measure} options={Object.entries(MEASURES).map(([name, one]) => [name, one.label])} onChoose={(value) => put({ measure: value })} />
          <Select label="by" value={by[0] ?? ""} options={[["-", "nothing"], ...fieldOptions()]} onChoose={(value) => put({ by: value })} />
          <Select label="and" value={by[1] ?? ""} options={[["", "nothing more"], ...fieldOptions()]} onChoose={(value) => put({ and: value })} />
          <span class="joined" role="group" aria-label="Shown as">
            {Object.entries(SHOWN).map(([name, label]) => <button type="button" key={name} class="btn" aria-pressed={name === show} onClick={() => put({ show: name })}>{label}</button>)}
          </span>
        </form>
        {number(totals.answer?.rows[0], "calls") === 0 ? <Empty /> : show === "series" ? <Series measure={measure} by={by} title={title} /> : <Listed measure={measure} by={by} title={title} show={show} />}
      </main>
    </>
  );
}

const fieldOptions = (): [string, string][] => Object.entries(DIMENSIONS).map(([name, one]): [string, string] => [name, one.label]).toSorted((a, b) => a[1].localeCompare(b[1]));

function Select({ label, value, options, onChoose }: { label: string; value: string; options: [string, string][]; onChoose: (value: string) => void }) {
  return (
    <label>
      <span class="soft">{label}</span>
      <select class="field" value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map(([name, words_]) => <option key={name} value={name} selected={name === value}>{words_}</option>)}
      </select>
    </label>
  );
}

const nameOf = (row: Row, by: string[]) => by.map((field) => valueLabel(field, text(row, field))).join(" · ");

function Series({ measure, by, title }: { measure: string; by: string[]; title: string }) {
  const of = MEASURES[measure];
  const unit = of?.unit ?? "";
  const asked = useAnswer({ measures: [measure], ...(by.length ? { by } : {}), step: middle.value, order: `-${measure}`, limit: LINES }, title);
  const axis = axisOf(asked);
  const found = [...groups(asked.answer?.rows ?? [], by)].map(([key, rows]) => ({ key, name: by.length ? nameOf(rows[0] ?? {}, by) : (of?.label ?? ""), row: rows[0] ?? {}, values: series(rows, measure, axis.times, of?.adds ?? false) }));
  const layers: Layer[] = found.map((line, at) => ({ name: line.name, values: of?.adds ? line.values : whole(line.values, asked), as: of?.adds ? "bars" : "line", ink: `var(--cat-${at + 1})` }));
  return (
    <section class="series">
      <Reader axis={axis} label={`${title}, ${periodWords()}`} read={(at) => found.map((line, index) => <Line key={line.key} mark={<Swatch class={`box c${index + 1}`} />} name={line.name} value={words(line.values[at] ?? null, unit)} />)}>
        <h3>{title} <span class="per">{middle.value.words}, {periodWords()}{asked.answer && asked.answer.groups > found.length ? `, the first ${found.length} of ${count(asked.answer.groups)}` : ""}</span></h3>
        <Plot height={220} steps={axis.times.length} layers={layers} flags={flagsOf(axis)} gaps={gapsOf(axis)} tick={(value, top) => tick(value, unit, top)} />
      </Reader>
      <ul class="legend below">{by.length > 0 && found.map((line, at) => <li key={line.key}><a href={link({ filters: by.reduce((filters, field) => withFilter(filters, field, "is", text(line.row, field)), address.value.filters) })}><Swatch class={`box c${at + 1}`} /> {line.name}</a></li>)}</ul>
    </section>
  );
}

function Listed({ measure, by, title, show }: { measure: string; by: string[]; title: string; show: Shown }) {
  const of = MEASURES[measure];
  const fields = by.length ? by : ["api"];
  const [first = "api", second] = fields;
  const more = show === "table" ? ["calls", "errors", "error_rate", "latency_p50", "latency_p95", "users"] : [];
  const asked = useAnswer({ measures: [measure, ...more], by: fields, order: `-${measure}`, limit: show === "heat" ? 400 : show === "table" ? 100 : ROWS }, title);
  const sum = useAnswer({ measures: [measure] });
  const own: Column = measure === "calls" ? callsColumn : measureColumn(measure, of?.label ?? measure, "w-num", { sorted: true });
  const columns = show === "table" ? [own, ...(measure === "calls" ? [] : [{ ...callsColumn, sorted: false }]), errorsColumn, measureColumn("latency_p50", "p50"), measureColumn("latency_p95", "p95"), measureColumn("users", "Users", "w-ms", { class: "wide" })] : [own];
  return (
    <section class="found">
      <Head title={title} per={`${asked.answer ? count(asked.answer.groups) : "–"} rows, ${periodWords()}`} />
      <Panel asked={asked} rows={12}>
        {({ rows, groups: all }) =>
          show === "heat" ? (
            <Matrix rows={rows} measure={measure} first={first} second={second ?? "status_class"} />
          ) : (
            <List
              rows={rows} field={first} bar={measure} columns={columns} {...(second ? { beside: (row: Row) => valueLabel(second, text(row, second)) } : {})}
              rest={of?.adds && all > rows.length ? { words: others(all - rows.length), left: leftOf(rows, number(sum.answer?.rows[0], measure), measure) } : null}
            />
          )
        }
      </Panel>
    </section>
  );
}

function Matrix({ rows, measure, first, second }: { rows: Row[]; measure: string; first: string; second: string }) {
  const { by } = choice();
  if (by.length < 2) return <p class="none">A heat map needs two fields: choose what it is “and” by.</p>;
  const top = (field: string, most: number) => [...new Map(rows.map((row) => [text(row, field), row])).keys()].slice(0, most);
  const cells = new Map(rows.map((row) => [keyOf(row, [first, second]), number(row, measure) ?? 0]));
  const unit = MEASURES[measure]?.unit ?? "";
  const columns = top(second, 16);
  return (
    <Heat
      class="codes" heads={columns.map((value) => valueLabel(second, value))} numbers={unit === ""}
      rows={top(first, 24).map((row) => ({
        label: valueLabel(first, row),
        cells: columns.map((column) => {
          const value = cells.get(keyOf({ [first]: row, [second]: column }, [first, second])) ?? 0;
          return { value, title: `${valueLabel(first, row)}, ${valueLabel(second, column)}: ${words(value, unit)}`, href: link({ filters: withFilter(withFilter(address.value.filters, first, "is", row), second, "is", column) }) };
        }),
      }))}
    />
  );
}
