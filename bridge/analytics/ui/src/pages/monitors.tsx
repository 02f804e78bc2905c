/** Monitors: endpoints that are asked again and again; how they stand, how they have stood, and why not. */
import { useEffect, useState } from "preact/hooks";
import { address, link, own } from "../address";
import { failureOf, type Failure } from "../ask";
import { ManageTop, Trouble } from "../frame/top";
import { ago } from "../format";
import { MonitorForm } from "../monitors/form";
import { list, STATES, type Monitor } from "../monitors/monitor";
import { One } from "../monitors/one";
import { DayStrip } from "../monitors/strip";
import { daysUntil, SOON_DAYS, uptime } from "../monitors/words";
import { Failed, Rows } from "../parts/say";
import { Spark } from "../parts/spark";
import { Icon, Mark, N } from "../parts/words";
import "../styles/manage.css";
import "../styles/monitors.css";

const LOOK_MS = 15_000;

export function Monitors() {
  const { monitor, make } = address.value.own;
  if (make) return <Fresh />;
  return monitor ? <One key={monitor} id={monitor} /> : <All />;
}

function Fresh() {
  return (
    <>
      <ManageTop title="New monitor" crumb={<a class="crumb wide" href={link({ own: {} })}>Monitors&ensp;/&ensp;</a>}>
        <a class="btn" href={link({ own: {} })}>All monitors</a>
      </ManageTop>
      <Trouble />
      <main class="page managing"><MonitorForm onKept={(kept) => (location.href = link({ own: { monitor: kept.id } }))} /></main>
    </>
  );
}

function All() {
  const [found, put] = useState<Monitor[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const { zone } = address.value;
  useEffect(() => {
    const look = async () => {
      try {
        put(await list(zone));
        fail(null);
      } catch (reason) {
        fail(failureOf(reason));
      }
    };
    void look();
    const timer = setInterval(() => document.visibilityState === "visible" && void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [zone]);
  return (
    <>
      <ManageTop title="Monitors" about="Endpoints that are asked again and again, from this server's place">
        {found && found.some((each) => each.public && !each.page) && <a class="btn wide" href="status" target="_blank" rel="noopener">Status page</a>}
        <a class="btn edge" href={link({ own: { make: "monitor" } })}><Icon name="plus" />New monitor</a>
      </ManageTop>
      <Trouble />
      <main class="page managing">
        {failure && !found ? <Failed failure={failure} /> : !found ? <Rows count={8} waits /> : found.length === 0 ? <None /> : <Listed all={found} />}
      </main>
    </>
  );
}

function None() {
  return (
    <div class="say first">
      <p>Nothing is watched yet.</p>
      <p>Figures of calls are silent while nobody calls. A monitor asks an endpoint by itself, every 30 seconds or more seldom, and keeps what comes: uptime, response times, and incidents with their reason.</p>
      <div class="acts-line"><a class="btn edge" href={link({ own: { make: "monitor" } })}>Watch an endpoint</a></div>
    </div>
  );
}

const ORDER = { down: 0, failing: 1, new: 2, up: 3, paused: 4 };

function Listed({ all }: { all: Monitor[] }) {
  const down = all.filter((each) => each.state === "down").length;
  const active = all.filter((each) => each.state !== "paused").length;
  const sorted = [...all].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.name.localeCompare(b.name));
  return (
    <section>
      <p class={`overall ${down ? "ink5xx" : "soft"}`}>
        <Mark kind={down ? "5xx" : "2xx"} />
        {down ? `${down} of ${active} down` : active === 1 ? "It is up, or not known to be down" : `None of ${active} is down`}
      </p>
      <ul class="monitors" aria-label="Monitors">
        {sorted.map((each) => <Row key={each.id} of={each} />)}
      </ul>
    </section>
  );
}

function Row({ of }: { of: Monitor }) {
  const now = Date.now();
  const state = STATES[of.state];
  const day = of.windows["24h"];
  return (
    <li onClick={() => own("monitor", of.id, "push")} class={of.state === "paused" ? "ended" : ""}>
      <div class="who">
        <p><Mark kind={state.kind} /><a class="row cut" href={link({ own: { monitor: of.id } })}>{of.name}</a></p>
        <p class="small cut" title={of.url}>
          {of.state === "up" ? <span class="faint">{of.method} {of.url.replace(/^https?:\/\//, "")}</span> : <span class={`ink${state.kind === "off" ? "" : state.kind}`}>{state.words}{of.state === "down" && of.since ? ` since ${ago((now - Date.parse(of.since)) / 1000).replace(" ago", "")}` : ""}{of.last?.reason && of.state !== "paused" ? `: ${of.last.detail}` : ""}</span>}
        </p>
      </div>
      <DayStrip days={of.days} label={of.name} />
      <dl class="short">
        <div><dt>Uptime, 30 days</dt><dd>{uptime(of.windows["30d"].uptime)}</dd></div>
        <div class="with-spark"><dt>Median, 24 h</dt><dd><Spark values={of.medians_ms} height={16} /><span><N value={day.p50_ms} unit="ms" /></span></dd></div>
        <div><dt>Certificate</dt><dd><Certificate ends={of.tls_expires} now={now} /></dd></div>
      </dl>
    </li>
  );
}

export function Certificate({ ends, now }: { ends: string | null; now: number }) {
  if (!ends) return <span class="faint">–</span>;
  const left = daysUntil(ends, now);
  if (left < 0) return <span class="ink5xx">expired</span>;
  return <span class={left < SOON_DAYS ? "ink4xx" : ""} title={ends}>{left}<span class="u">{left === 1 ? "day" : "days"}</span></span>;
}
