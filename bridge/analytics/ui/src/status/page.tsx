/** The page itself: one sentence, a line for each endpoint, and what went wrong. */
import type { Signal } from "@preact/signals";
import { lasting, uptime } from "../monitors/words";
import { DayStrip } from "../monitors/strip";
import { Spark } from "../parts/spark";
import type { Content, Outage, Shown } from "./content";

function said(known: Content): string {
  const down = known.monitors.filter((each) => each.state === "down").length;
  if (down === 0) return known.monitors.some((each) => each.state === "up") ? "Everything is up" : "Nothing is known yet";
  return known.monitors.length === 1 ? "It is down" : `${down} of ${known.monitors.length} down`;
}
const STATES = { up: ["2xx", "Up"], down: ["5xx", "Down"], paused: ["off", "Not watched now"], new: ["off", "Not known yet"] } as const;

const time = (text: string) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(Date.parse(text));

function Mark({ kind }: { kind: string }) {
  return <svg class={`mark ${kind === "off" ? "off" : `s${kind}`}`} aria-hidden="true"><use href={`#m-${kind}`} /></svg>;
}

export function StatusPage({ content, stale }: { content: Signal<Content | "none" | null>; stale: Signal<boolean> }) {
  const known = content.value;
  if (known === null) return <main class="status" aria-busy={!stale.value}>{stale.value && <p role="alert">The server does not answer. This page looks again by itself.</p>}</main>;
  if (known === "none") return <main class="status"><h1>No status page here</h1><p class="soft">Nothing is shown to the public at this address.</p></main>;
  const kind = { up: "2xx", partly: "4xx", down: "5xx" }[known.state];
  const words = said(known);
  document.title = `${words} · Status`;
  return (
    <main class="status">
      <h1 class={known.state === "up" ? "" : `ink${kind}`}><Mark kind={kind} />{words}</h1>
      <p class="faint small" role="status">{stale.value ? "The server does not answer now; this is how it was at " : "As of "}{time(known.time)}</p>
      <ul class="status-list">{known.monitors.map((each) => <Endpoint key={each.id} of={each} />)}</ul>
      <p class="ends faint small"><span>a bar is a day</span><span>today</span></p>
      <Outages past={known.incidents} />
      <footer class="faint small"><p>Days are those of {known.time_zone}. A short bar was not measured for all of its day, a dot not at all.</p></footer>
    </main>
  );
}

function Endpoint({ of }: { of: Shown }) {
  const [kind, words] = STATES[of.state];
  const median = of.windows["24h"].p50_ms;
  return (
    <li>
      <div class="status-head">
        <h2>{of.name}</h2>
        <span class={`push ${of.state === "down" ? "ink5xx" : "soft"}`}><Mark kind={kind} />{words}</span>
      </div>
      <DayStrip days={of.days} label={of.name} height={40} />
      <dl>
        {(["24h", "7d", "30d", "90d"] as const).map((each) => <div key={each}><dt>{each}</dt><dd>{uptime(of.windows[each].uptime)}</dd></div>)}
        <div class="push"><dt>response</dt><dd><Spark values={of.medians_ms} height={16} />{median === null ? "–" : `${median} ms`}</dd></div>
      </dl>
    </li>
  );
}

function Outages({ past }: { past: Outage[] }) {
  const now = Date.now();
  return (
    <section>
      <h2>Incidents</h2>
      {past.length === 0 ? <p class="soft">None in 90 days.</p> : (
        <ul class="incidents">
          {past.map((each) => (
            <li key={each.id + each.begin}>
              <p><Mark kind={each.end ? "off" : "5xx"} /><b>{each.name}</b><span class="push soft">{each.end ? lasting((Date.parse(each.end) - Date.parse(each.begin)) / 1000) : `for ${lasting((now - Date.parse(each.begin)) / 1000)}, until now`}</span></p>
              <p class="soft small">{time(each.begin)}: {each.reason}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
