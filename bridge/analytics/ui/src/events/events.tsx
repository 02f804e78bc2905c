/** Events: the log as it comes in, and one call taken apart. The list and the chosen row never move under the reader. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { address, go, own, withFilter } from "../address";
import { span, useAnswer } from "../ask";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { seen } from "../fields";
import { clockMillis, clockSeconds, count, day, place, tick } from "../format";
import { axisOf, failing, periodWords } from "../over";
import { step } from "../period";
import { floating } from "../parts/dialog";
import { FailingLines, failingLayers } from "../parts/failing";
import { length } from "../parts/list";
import { Plot } from "../parts/plot";
import { Line, Reader } from "../parts/reader";
import { Failed, Rows } from "../parts/say";
import { Icon, inkOf, Mark, N } from "../parts/words";
import { codeWords } from "../codes";
import { Drawer } from "./drawer";
import type { Call } from "./event";
import { calls, failure, fresh, loading, missed, more, older, pace, pause, paused, show, since, useLog } from "./log";

const ID = /^[0-9a-f-]{16,}$/i;

export function Events() {
  const { to } = address.value;
  return (
    <>
      <Top title="Events" search={<Find />} log>
        {to === "now" && <Pace />}
      </Top>
      <Trouble />
      <LogView empty={<Empty />} />
    </>
  );
}

/** How fast events come in, and the button that holds the log. */
export function Pace() {
  return (
    <>
      <span class={`small wide ${paused.value ? "faint" : "live"}`}>{paused.value ? "held" : pace.value === null ? "" : <><Mark kind="2xx" /> {pace.value.toFixed(1)} events a second</>}</span>
      <button class="btn edge" aria-pressed={paused.value} title="Pause and go on (Space)" onClick={pause}><Icon name={paused.value ? "play" : "pause"} />{paused.value ? "Go on" : "Pause"}</button>
    </>
  );
}

/** The log with what waits above it, and beside it the call that is open. `live`: whether its reader may hold it
 * and let it go on; `same`: fields that say the same of every call, so that they are no columns. */
export function LogView({ empty, live = true, same = [] }: { empty: ComponentChildren; live?: boolean; same?: string[] }) {
  useLog();
  const mine = address.value.own;
  const open = mine["event"];
  const at = calls.value?.findIndex((call) => call.id === open) ?? -1;
  const move = (by: 1 | -1) => {
    const next = calls.value?.[at + by];
    if (next) own("event", next.id);
    if (at + by >= (calls.value?.length ?? 0) - 3) void older();
  };
  const moving = useRef(move);
  moving.current = move;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const from = event.target instanceof Element ? event.target : null;
      if (floating.value || event.ctrlKey || event.metaKey || event.altKey || from?.closest("input, .plot, dialog")) return;
      if (event.key === " " && live && !from?.closest("button, a")) pause();
      else if (event.key === "n") show();
      else if (address.value.own["event"] && (event.key === "j" || event.key === "ArrowDown")) moving.current(1);
      else if (address.value.own["event"] && (event.key === "k" || event.key === "ArrowUp")) moving.current(-1);
      else if (address.value.own["event"] && event.key === "Escape") own("event", undefined);
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    addEventListener("keydown", key, true);
    return () => removeEventListener("keydown", key, true);
  }, []);
  return (
    <div class={`split-view ${open ? "" : "one"}`}>
      <main class="log">
        {seen("status_class") && <Rate />}
        <div class="news">{fresh.value > 0 && (
          <button class="btn" title="Show them (n)" onClick={show}>
            <span>{count(fresh.value)} new {fresh.value === 1 ? "event" : "events"} since {clockSeconds(since.value, address.value.zone)}</span>
            {missed.value > 0 && <span class="faint" title="They came faster than this page could read. The store has them: showing reads the newest anew.">{count(missed.value)} not shown</span>}
            <kbd>n</kbd>
          </button>
        )}</div>
        <Log open={open} empty={empty} shows={(field) => seen(field) && !same.includes(field)} />
      </main>
      {open && <Drawer id={open} onStep={move} />}
    </div>
  );
}

/** An id, a path or a user: what was typed decides which field is searched. */
function Find() {
  return (
    <form
      class="find"
      onSubmit={(event) => {
        event.preventDefault();
        const input = event.currentTarget.querySelector("input");
        const typed = input?.value.trim() ?? "";
        if (!typed) return;
        const { filters } = address.value;
        if (ID.test(typed)) go({ filters: [{ field: "correlation_id", op: "is", values: [typed] }], from: "all", to: "now" });
        else go({ filters: withFilter(filters, typed.includes("/") ? "resource" : "user", "contains", typed) });
        if (input) input.value = "";
      }}
    >
      <Icon name="search" />
      <input placeholder="Correlation id, /path or user" aria-label="Search the events" spellcheck={false} />
    </form>
  );
}

function Rate() {
  const each = step(span.value, 120);
  const asked = useAnswer({ measures: ["calls", "errors", "throttled"], by: ["status_class"], step: each }, "Events over time");
  const axis = axisOf(asked);
  const found = failing(asked.answer?.rows ?? [], axis.times);
  return (
    <Reader axis={axis} label={`Events, ${each.words}, ${periodWords()}`} read={(at) => <><Line mark={<Mark kind="2xx" />} name="Without error" value={count(found.ok[at] ?? 0)} /><FailingLines failing={found} at={at} /></>}>
      <h3>Events <span class="per">{each.words}, {periodWords()}</span></h3>
      <Plot height={56} headroom={8} grid={2} steps={axis.times.length} tick={(value, top) => tick(value, "", top)} layers={[...failingLayers(found), { name: "ok", values: found.ok, as: "bars", ink: "color-mix(in oklab, var(--bg), var(--accent) 70%)" }]} />
    </Reader>
  );
}

function Log({ open, empty, shows }: { open: string | undefined; empty: ComponentChildren; shows: (field: string) => boolean }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!end.current) return undefined;
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && void older(), { rootMargin: "600px" });
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [calls.value === null]);
  useEffect(() => {
    if (open) document.querySelector(`tr[data-id="${CSS.escape(open)}"]`)?.scrollIntoView({ block: "nearest" });
  }, [open]);
  if (failure.value) return <Failed failure={failure.value} />;
  if (!calls.value) return <Rows count={20} waits />;
  if (calls.value.length === 0) return <>{empty}</>;
  const { zone } = address.value;
  const today = day(Date.now(), zone);
  return (
    <>
      <table class="events" aria-label="Events, newest first">
        <thead><tr><th scope="col" class="w-t">Time, {place(zone)}</th><th scope="col" class="w-s">Status</th><th scope="col">Call, or the WSO2 code</th>{COLUMNS.map(([field, label, own_]) => shows(field) && <th scope="col" key={field} class={own_}>{label}</th>)}<th scope="col" class="n w-took">Took</th></tr></thead>
        <tbody>{calls.value.map((call) => <Entry key={call.id} call={call} open={call.id === open} zone={zone} today={today} shows={shows} />)}</tbody>
      </table>
      <div ref={end} class="log-end small faint">{more.value ? (loading.value ? "Loading older events" : <button class="btn" onClick={() => void older()}>Older events</button>) : `These are all ${count(calls.value.length)} events of this view.`}</div>
    </>
  );
}

/** Those that a caller may not see are no columns. */
const COLUMNS: [field: string, label: string, own: string][] = [["api", "API", "w-api"], ["application", "Application", "w-app u2"], ["user", "User", "w-user u1"], ["instance", "Gateway", "w-gw u1"]];

function Entry({ call, open, zone, today, shows }: { call: Call; open: boolean; zone: string; today: string; shows: (field: string) => boolean }) {
  const choose = () => own("event", open ? undefined : call.id, address.value.own["event"] ? "replace" : "push");
  const date = day(call.time, zone);
  const code = call.code === null ? null : codeWords(call.code, call.status);
  return (
    <tr data-id={call.id} tabIndex={0} aria-selected={open} onClick={choose} onKeyDown={(event) => event.key === "Enter" && choose()}>
      <td class="w-t t">{date === today ? clockMillis(call.time, zone) : `${date.slice(4)} ${clockSeconds(call.time, zone)}`}</td>
      <td class="w-s"><span class={inkOf(call.kind)}><Mark kind={call.kind} /> <span class="mono">{call.status ?? "–"}</span></span></td>
      <td class="what">{code ? <span class={inkOf(call.kind)}><span class="mono">{call.code}</span> {code.name}</span> : <><span class="m">{call.method}</span><span class="mono">{call.resource ?? "–"}</span></>}</td>
      {shows("api") && <td class="w-api">{call.api ?? <span class="faint">no API</span>} <span class="faint small">{call.version}</span></td>}
      {shows("application") && <td class={`w-app u2 wide ${call.application ? "" : "faint"}`}>{call.application ?? "unknown"}</td>}
      {shows("user") && <td class="w-user u1 wide soft">{call.user ?? <span class="faint">none</span>}</td>}
      {shows("instance") && <td class="w-gw u1 wide soft">{call.gateway}</td>}
      <td class="w-took n">{call.took === null ? <span class="faint" title="WSO2 writes no times for a fault">–</span> : <div class="took"><i ref={length(call.took / 1000)} /><span><N value={call.took} unit="ms" /></span></div>}</td>
    </tr>
  );
}
