/** The head of every page: title, period, comparison, zone, refresh; under it the filters. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { address, go, link, type Filter, type Operator } from "../address";
import { auto, everyMs, refresh, span, stop, trouble, updated, waiting, waitingSince } from "../ask";
import { fieldLabel, valueLabel } from "../fields";
import { clockSeconds, offset, place } from "../format";
import { may, seesAll } from "../me";
import { canShare } from "../share/can";
import { share } from "../share/open";
import { before, label, spanWords, written } from "../period";
import { float } from "../parts/dialog";
import { Icon } from "../parts/words";

export const VERBS: Record<Operator, string> = { is: "is", not: "is not", contains: "contains", contains_not: "does not contain", matches: "matches", matches_not: "does not match", from: "from", to: "to", above: "above", at_most: "at most" };

export function shift(direction: -1 | 1): void {
  const { zone } = address.value;
  const { from, to } = span.value;
  const by = (to - from) * direction;
  const end = to + by;
  // Forward as far as now and no further; then the period is relative again where it can be.
  if (end > Date.now() - 60_000 && direction > 0) return go({ from: `-${Math.max(1, Math.round((to - from) / 60_000))}m`, to: "now" });
  go({ from: written(from + by, zone), to: written(end, zone) });
}

/** What a page adds to the head: its pace, its pause. */
export function Top({ title, crumb, children, search, log = false }: { title: string; crumb?: ComponentChildren; children?: ComponentChildren; search?: ComponentChildren; log?: boolean }) {
  const { from, to, zone, compare } = address.value;
  const now = span.value;
  const late = to === "now";
  const every = `${everyMs.value / 1000} s`;
  useEffect(() => {
    document.title = `${title} · apim-bridge`;
  }, [title]);
  return (
    <header class="top">
      <div class="line">
        <div>
          <h1 class="cut">{crumb}{title}</h1>
          <span class="faint small wider">{spanWords(now, zone)}</span>
        </div>
        <div class="push chips">
          {children}
          <span class="joined">
            <button class="btn tight" title="Earlier (Shift ←)" aria-label="Earlier" onClick={() => shift(-1)}><Icon name="left" /></button>
            <button class="btn" data-opens="period" aria-haspopup="dialog" title="Period (p)" onClick={(event) => float("period", event.currentTarget)}>
              <span>{label(from, to, now, zone)}</span>
              <Icon name="down" />
            </button>
            <button class="btn tight" disabled={late} title="Later (Shift →)" aria-label="Later" onClick={() => shift(1)}><Icon name="right" /></button>
          </span>
          {!log && <button class="btn edge wide-x" aria-pressed={compare} title={`Compare with the previous ${before(from, to, now)} (c)`} onClick={() => go({ compare: !compare }, "replace")}>
            <i class="swatch dash" />
            <span>vs previous<span class="wider"> {before(from, to, now)}</span></span>
          </button>}
          <button class="btn wide-x" data-opens="zone" aria-haspopup="dialog" title="Time zone of every figure on this page (z)" onClick={(event) => float("zone", event.currentTarget)}>
            {place(zone)}{zone !== "UTC" && <span class="u">{offset(now.to, zone)}</span>}
          </button>
          {!log && <button class="btn wide-x" aria-label={auto.value ? `Refreshes every ${every}; hold` : `Held; refresh every ${every}`} title={auto.value ? `Refreshed every ${every}; what is being read never moves. Click to hold it still.` : `Held still. Click to refresh every ${every}.`} onClick={() => { auto.value = !auto.value; if (auto.value) refresh(); }}>
            <Icon name={auto.value ? "refresh" : "pause"} />
            <span class="wider">{auto.value ? every : "held"}</span>
          </button>}
        </div>
      </div>
      <div class="filters">
        <div class="chips">
          {search}
          <button class="btn" data-opens="filter" aria-haspopup="dialog" title="Add a filter (f)" onClick={(event) => { editing(null); float("filter", event.currentTarget); }}>
            <Icon name="plus" />Filter
          </button>
          {address.value.filters.map((filter) => <Chip key={filter.field + filter.op} filter={filter} />)}
          {address.value.filters.length > 0 && <a class="btn small" href={link({ filters: [] })}>Clear</a>}
        </div>
        <div class="push chips">
          {may("create:workspaces") && may("create:public_workspaces") && seesAll() && canShare(address.value) && (
            <button class="btn" aria-haspopup="dialog" title="Show this view to somebody, by a link" onClick={share}>
              <Icon name="share" />Share
            </button>
          )}
          {!log && <a class="btn" href={link({ page: "events" })} title="The events of this view"><Icon name="events" />Events</a>}
          <button class="btn" data-opens="export" aria-haspopup="dialog" title="Export what is shown: CSV, NDJSON, Parquet (e)" onClick={(event) => float("export", event.currentTarget)}>
            <Icon name="save" />Export
          </button>
        </div>
      </div>
      <Waiting />
    </header>
  );
}

/** The head of a page that manages something. */
export function ManageTop({ title, crumb, about, children }: { title: string; crumb?: ComponentChildren; about?: ComponentChildren; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · apim-bridge`;
  }, [title]);
  return (
    <header class="top manages">
      <div class="line">
        <div>
          <h1 class="cut">{crumb}{title}</h1>
          {about && <span class="faint small wide cut">{about}</span>}
        </div>
        <div class="push chips">{children}</div>
      </div>
    </header>
  );
}

let edited: Filter | null = null;
/** Which filter the popover changes when it opens; null is a new one. */
export const editing = (filter: Filter | null) => {
  edited = filter;
};
export const beingEdited = () => edited;

export function filterWords(filter: Filter): { verb: string; value: string } {
  return { verb: VERBS[filter.op], value: filter.values.map((value) => (value === null ? "none" : valueLabel(filter.field, value))).join(", ") };
}

export function Chip({ filter }: { filter: Filter }) {
  const { verb, value } = filterWords(filter);
  const words = `${fieldLabel(filter.field)} ${verb} ${value}`;
  return (
    <span class="chip">
      <button title="Change" onClick={(event) => { editing(filter); float("filter", event.currentTarget); }}>
        {fieldLabel(filter.field)} {verb} <b class="cut">{value}</b>
      </button>
      <a class="x" href={link({ filters: address.value.filters.filter((each) => each !== filter) })} aria-label={`Remove: ${words}`} title="Remove">
        <Icon name="x" />
      </a>
    </span>
  );
}

/** A line after 400 ms of waiting, "Stop" after 2 s. It lies over the head's border: nothing moves. */
function Waiting() {
  const [late, put] = useState(0);
  const since = waitingSince.value;
  useEffect(() => {
    put(0);
    if (since === null) return undefined;
    const line = setTimeout(() => put(1), 400);
    const button = setTimeout(() => put(2), 2000);
    return () => {
      clearTimeout(line);
      clearTimeout(button);
    };
  }, [since]);
  if (since === null || late === 0) return null;
  return (
    <>
      <div class="waiting" role="progressbar" aria-label="Waiting for figures" />
      {late === 2 && (
        <p class="stop small">
          {waiting.value === 1 ? "One question" : `${waiting.value} questions`} on the way
          <button class="btn small" onClick={stop}>Stop</button>
        </p>
      )}
    </>
  );
}

/** The page lost its server: one line, with the cure. */
export function Trouble() {
  const said = trouble.value;
  if (!said) return null;
  return (
    <div class="notice" role="alert">
      <Icon name="errors" />
      <span>
        {updated.value && <b>Not updated since {clockSeconds(updated.value, address.value.zone)}. </b>}
        {said.error} {said.cure}
      </span>
      <button class="btn" onClick={refresh}>Try now</button>
    </div>
  );
}

