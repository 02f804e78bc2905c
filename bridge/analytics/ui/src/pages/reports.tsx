/** Reports: a week or a month beside the one before, to read, to print, and as a file. */
import { useEffect, useState } from "preact/hooks";
import { address, own } from "../address";
import { failureOf, request, type Failure } from "../ask";
import { fieldLabel, MEASURES, valueLabel } from "../fields";
import { change, count, figure, percent, words } from "../format";
import { ManageTop, Trouble } from "../frame/top";
import { useWidth } from "../parts/spark";
import { Failed, Nothing, Rows } from "../parts/say";
import { Head } from "../parts/words";
import "../styles/manage.css";
import "../styles/alerts.css";

interface Part {
  id: string;
  kind: "week" | "month";
  title: string;
  over: boolean;
  whole: boolean;
}
type Cell = string | number | boolean | null;
interface Report {
  title: string;
  kind: string;
  over: boolean;
  totals: { measure: string; value: number | null; previous: number | null }[];
  days: { date: string; calls: number; errors: number; latency_p95: number | null }[];
  lists: { id: string; title: string; by: string[]; measures: { name: string }[]; rows: Record<string, Cell>[]; groups: number }[];
  monitors: { name: string; uptime: number | null; down_seconds: number; p95_ms: number | null }[];
}
interface Listed {
  reports: Part[];
  pdf: { able: boolean; error?: string; cure?: string };
}
const FILES: [form: string, words: string][] = [["csv", "CSV"], ["pdf", "PDF"]];

export function Reports() {
  const { zone } = address.value;
  const [listed, put] = useState<Listed | null>(null);
  const [report, show] = useState<Report | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [saving, save] = useState("");
  useEffect(() => {
    request(`api/reports?time_zone=${encodeURIComponent(zone)}`).then((answer) => answer.json()).then((found) => put(found as Listed), (reason) => fail(failureOf(reason)));
  }, [zone]);
  // The last month that is over is what people come for.
  const id = address.value.own["report"] ?? listed?.reports.find((part) => part.over)?.id ?? listed?.reports[0]?.id;
  useEffect(() => {
    show(null);
    if (!id) return;
    fail(null);
    request(`api/reports/${id}?time_zone=${encodeURIComponent(zone)}`).then((answer) => answer.json()).then((found) => show(found as Report), (reason) => fail(failureOf(reason)));
  }, [id, zone]);
  const download = async (form: string) => {
    save(form);
    try {
      const answer = await request(`api/reports/${id}?format=${form}&time_zone=${encodeURIComponent(zone)}`);
      const anchor = document.createElement("a");
      anchor.href = URL.createObjectURL(await answer.blob());
      anchor.download = `report-${id}.${form}`;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
    } catch (reason) {
      fail(failureOf(reason));
    }
    save("");
  };
  return (
    <>
      <ManageTop title="Reports" about="A week or a month, beside the one before">
        {listed && listed.reports.length > 0 && (
          <>
            <select class="field" aria-label="Report" value={id} onChange={(event) => own("report", event.currentTarget.value, "push")}>
              {(["month", "week"] as const).map((kind) => <optgroup key={kind} label={kind === "month" ? "Months" : "Weeks"}>{listed.reports.filter((part) => part.kind === kind).map((part) => <option key={part.id} value={part.id} selected={part.id === id}>{part.title}{part.over ? "" : " (not over)"}</option>)}</optgroup>)}
            </select>
            {FILES.map(([form, name]) => <button key={form} class="btn" disabled={saving !== "" || (form === "pdf" && !listed.pdf.able)} title={form === "pdf" && !listed.pdf.able ? `${listed.pdf.error}; ${listed.pdf.cure}` : `Save it as ${name}`} onClick={() => void download(form)}>{saving === form ? "Making it …" : name}</button>)}
            <button class="btn wide" onClick={() => print()}>Print</button>
          </>
        )}
      </ManageTop>
      <Trouble />
      <main class="page">
        {failure && <Failed failure={failure} />}
        {!failure && listed?.reports.length === 0 && <Nothing>There is no call yet, so there is nothing to report.</Nothing>}
        {!failure && listed?.reports.length !== 0 && (report ? <Read report={report} part={listed?.reports.find((part) => part.id === id)} /> : <Rows count={10} waits />)}
      </main>
    </>
  );
}

function Read({ report, part }: { report: Report; part: Part | undefined }) {
  const calls = report.totals[0]?.value ?? 0;
  return (
    <article class="report">
      <div class="report-head">
        <h2>{report.title}</h2>
        <p class="soft">Changes are against the {report.kind} before.{!report.over && ` The ${report.kind} is not over yet.`}{part && !part.whole && ` The first call that is kept came within it.`}</p>
      </div>
      {calls === 0 ? <Nothing>There was no call.</Nothing> : (
        <>
          <div class="report-totals">{report.totals.filter((one) => one.value !== null && (one.value !== 0 || one.previous)).map((one) => <Total key={one.measure} one={one} />)}</div>
          <section><Head title="By day" per="calls, errors in red" /><Days days={report.days} /></section>
          {report.lists.filter((list) => list.rows.length > 0).map((list) => <List key={list.id} list={list} />)}
        </>
      )}
      {report.monitors.length > 0 && (
        <section>
          <Head title="Availability" per="of your monitors" />
          <table><thead><tr><th scope="col">Monitor</th><th scope="col" class="n">Uptime</th><th scope="col" class="n">Down</th><th scope="col" class="n wide">p95</th></tr></thead><tbody>{report.monitors.map((one) => <tr key={one.name}><td>{one.name}</td><td class="n">{one.uptime === null ? "–" : `${percent(one.uptime)} %`}</td><td class="n">{Math.round(one.down_seconds / 60)} min</td><td class="n wide">{one.p95_ms === null ? "–" : words(one.p95_ms, "ms")}</td></tr>)}</tbody></table>
        </section>
      )}
    </article>
  );
}

function Total({ one }: { one: Report["totals"][number] }) {
  const measure = MEASURES[one.measure];
  const unit = measure?.unit ?? "";
  const said = figure(one.value, unit);
  const moved = change(one.value, one.previous, unit, measure?.good ?? 0);
  return (
    <div>
      <span>{measure?.label ?? one.measure}</span>
      <b>{said.number}{said.unit && <small class="u">{said.unit}</small>}</b>
      <span>{one.previous === null ? "nothing before" : <>{moved && <i class={`delta ${moved.verdict ?? ""}`}>{moved.text}</i>} from {words(one.previous, unit)}</>}</span>
    </div>
  );
}

const HEIGHT = 120;
function Days({ days }: { days: Report["days"] }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const top = Math.max(1, ...days.map((day) => day.calls));
  const each = width / Math.max(1, days.length);
  return (
    <div class="report-days" ref={box} role="img" aria-label={`Calls of each day, at most ${count(top)}`}>
      {width > 0 && (
        <svg width={width} height={HEIGHT}>
          {days.map((day, at) => (
            <g key={day.date}>
              <title>{`${day.date}: ${count(day.calls)} calls, ${count(day.errors)} errors`}</title>
              <rect class="c" x={at * each + 1} width={Math.max(1, each - 2)} y={HEIGHT - day.calls / top * HEIGHT} height={day.calls / top * HEIGHT} />
              <rect class="e" x={at * each + 1} width={Math.max(1, each - 2)} y={HEIGHT - day.errors / top * HEIGHT} height={day.errors / top * HEIGHT} />
            </g>
          ))}
        </svg>
      )}
    </div>
  );
}

function List({ list }: { list: Report["lists"][number] }) {
  const [first, ...others] = list.measures.map((measure) => measure.name);
  if (!first) return null;
  const unit = (name: string) => MEASURES[name]?.unit ?? "";
  const number = (value: Cell | undefined) => (typeof value === "number" ? value : null);
  return (
    <section>
      <Head title={list.title} per={list.groups > list.rows.length ? `${list.rows.length} of ${count(list.groups)}` : undefined} />
      <table>
        <thead><tr>{list.by.map((field) => <th scope="col" key={field}>{fieldLabel(field)}</th>)}<th scope="col" class="n">{MEASURES[first]?.label}</th><th scope="col" class="n wide">Change</th>{others.map((name) => <th scope="col" class="n wide" key={name}>{MEASURES[name]?.label}</th>)}</tr></thead>
        <tbody>
          {list.rows.map((row, at) => {
            const moved = change(number(row[first]), number(row["previous"]), unit(first), 0);
            return (
              <tr key={at}>
                {list.by.map((field) => <td key={field} title={valueLabel(field, row[field])} class={row[field] === null ? "faint" : ""}>{valueLabel(field, row[field])}</td>)}
                <td class="n">{words(number(row[first]), unit(first))}</td>
                <td class="n wide soft">{row["previous"] === null ? "new" : (moved?.text ?? "–")}</td>
                {others.map((name) => <td class="n wide" key={name}>{words(number(row[name]), unit(name))}</td>)}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
