/** A workspace on the page: its name and what it is held to, its period, its view, and at the foot what all that is of. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { address, link } from "../address";
import { refresh, span, updated, useAnswer } from "../ask";
import { fieldLabel, seen } from "../fields";
import { FilterChoice } from "../frame/filter";
import { PeriodChoice } from "../frame/period";
import { Chip, editing, filterWords, Trouble } from "../frame/top";
import { clockSeconds, count, offset } from "../format";
import { label } from "../period";
import { float } from "../parts/dialog";
import { Icon } from "../parts/words";
import { number } from "../questions";
import type { Options } from "./options";
import { NothingHere } from "./states";
import { slowed, type Workspace } from "./workspace";

const chart = signal<typeof import("./chart") | null>(null);
const events = signal<typeof import("./log") | null>(null);

/** What shows a form comes when it is known which one it is: nobody needs both. */
async function fetchForm(log: boolean): Promise<void> {
  if (log) events.value ??= await import("./log");
  else chart.value ??= await import("./chart");
}

export function WorkspaceView({ of, options }: { of: Workspace; options: Options }) {
  const { view } = of;
  const totals = useAnswer({ measures: ["calls"], also: view.filters });
  const calls = number(totals.answer?.rows[0], "calls");
  const { filters } = address.value;
  useEffect(() => {
    document.title = of.name;
  }, [of.name]);
  const log = view.form === "events";
  useEffect(() => void fetchForm(log), [log]);
  const [Log, Chart] = [events.value?.EventsOf, chart.value?.ChartView];
  const controls = <Controls of={of} options={options} />;
  return (
    <>
      <div class={`public ${options.hideLegend ? "no-legend" : ""} ${options.hideAxisLabels ? "no-labels" : ""} ${log ? "logs" : ""}`}>
        {!options.hideHeader ? (
          <header class="first">
            <h1 class="cut">{of.name}</h1>
            <Locked of={of} />
            {controls}
          </header>
        ) : (
          <header class="first bare"><h1 class="sr">{of.name}</h1>{controls}</header>
        )}
        {filters.length > 0 && (
          <div class="chips narrowed">
            {filters.map((filter) => <Chip key={filter.field + filter.op} filter={filter} />)}
            <a class="btn small" href={link({ filters: [] })}>Clear</a>
          </div>
        )}
        {slowed.value ? <p class="notice" role="status"><Icon name="time" /><span>This link has asked as much as it may in a minute. It goes on by itself in {slowed.value} s.</span></p> : <Trouble />}
        {log && Log && <Log view={view} live={of.live} locked={of.locked} />}
        {!log && (calls === 0 ? <main><NothingHere /></main> : Chart && <Chart view={view} options={options} />)}
        {!(log ? Log : Chart) && <main aria-busy="true" />}
        <Foot calls={calls} options={options} />
      </div>
      <PeriodChoice />
      <FilterChoice />
    </>
  );
}

/** The lock is said, not hidden: whoever reads knows whose calls these are. */
function Locked({ of }: { of: Workspace }) {
  return (
    <span class="chips locks wide">
      {of.locked.map((filter) => {
        const { verb, value } = filterWords(filter);
        return <span class="chip locked" key={filter.field + filter.op} title={`${fieldLabel(filter.field)} ${verb} ${value}`}><span class="cut"><Icon name="lock" />{fieldLabel(filter.field)} {verb} <b class="cut">{value}</b></span></span>;
      })}
    </span>
  );
}

function Controls({ of, options }: { of: Workspace; options: Options }) {
  const { from, to, zone } = address.value;
  const dates = of.mayChangePeriod && (!options.embed || options.showDates);
  const Pace = events.value?.Pace;
  const words = label(from, to, span.value, zone);
  return (
    <div class="push chips">
      {of.live && to === "now" && Pace && <Pace />}
      {options.filters.filter(seen).map((field) => (
        <button key={field} class="btn edge" data-opens="filter" aria-haspopup="dialog" onClick={(event) => { editing({ field, op: "is", values: [] }); float("filter", event.currentTarget); }}><Icon name="plus" />{fieldLabel(field)}</button>
      ))}
      {!options.embed && <button class="btn" data-opens="filter" aria-haspopup="dialog" title="Add a filter" onClick={(event) => { editing(null); float("filter", event.currentTarget); }}><Icon name="plus" />Filter</button>}
      {dates ? (
        <span class="joined"><button class="btn" data-opens="period" aria-haspopup="dialog" title="Period" onClick={(event) => float("period", event.currentTarget)}><span>{words}</span><Icon name="down" /></button></span>
      ) : !options.hideHeader && <span class="small soft period-words">{words}</span>}
      <button class="btn tight" title="Refresh" aria-label="Refresh" onClick={refresh}><Icon name="refresh" /></button>
    </div>
  );
}

function Foot({ calls, options }: { calls: number | null; options: Options }) {
  const { zone } = address.value;
  return (
    <footer class="last">
      <span>{calls === null ? "\u00a0" : <><Icon name="check" />{count(calls)} {calls === 1 ? "call" : "calls"} in this view</>}</span>
      <span>Times in {zone.replaceAll("_", " ")}{zone !== "UTC" && `, ${offset(span.value.to, zone)}`}</span>
      <span class="push">{updated.value ? `Updated ${clockSeconds(updated.value, zone)}` : "\u00a0"}</span>
      {!options.embed && <span class="maker"><Icon name="bridge" />apim-bridge</span>}
    </footer>
  );
}
