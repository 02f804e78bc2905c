/** One monitor: how it stands, its response times over a window, ninety days, and when it was down and why. */
import { useEffect, useState } from "preact/hooks";
import { address, go, link, own } from "../address";
import { failureOf, type Failure } from "../ask";
import { ManageTop, Trouble } from "../frame/top";
import { ago, clockSeconds, day, dayAndClock, tick, words } from "../format";
import { Certificate } from "../pages/monitors";
import { Plot } from "../parts/plot";
import { Line, Reader } from "../parts/reader";
import { Failed, Rows } from "../parts/say";
import { Badge, Head, Mark, N } from "../parts/words";
import { MonitorForm } from "./form";
import { get, incidents, pause, probes, remove, STATES, WINDOWS, type Incident, type Monitor, type Probe, type Window } from "./monitor";
import { DayStrip } from "./strip";
import { lasting, uptime } from "./words";

const LOOK_MS = 15_000;
const PROBES = 50;
const STEP_MS: Record<Window, number> = { "24h": 900_000, "7d": 3_600_000, "30d": 21_600_000, "60d": 43_200_000, "90d": 86_400_000 };
const WORDS: Record<Window, string> = { "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "60d": "last 60 days", "90d": "last 90 days" };

interface Known {
  of: Monitor;
  past: Incident[];
  single: Probe[];
}

export function One({ id }: { id: string }) {
  const [known, put] = useState<Known | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const { zone, own: mine } = address.value;
  const window = WINDOWS.find((each) => each === mine["window"]) ?? "24h";
  const look = async () => {
    try {
      const [of, past, single] = await Promise.all([get(id, window, zone), incidents(id), probes(id, PROBES)]);
      put({ of, past, single });
      fail(null);
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  useEffect(() => {
    void look();
    const timer = setInterval(() => document.visibilityState === "visible" && void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [id, window, zone]);
  const attempt = async (act: () => Promise<unknown>, then = look) => {
    try {
      await act();
      await then();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  const of = known?.of;
  const editing = mine["edit"] === "on";
  return (
    <>
      <ManageTop title={of?.name ?? "Monitor"} crumb={<a class="crumb wide" href={link({ own: {} })}>Monitors&ensp;/&ensp;</a>}>
        {of && !editing && (
          <>
            <button class="btn" onClick={() => void attempt(() => pause(id, !of.paused))}>{of.paused ? "Go on" : "Pause"}</button>
            <button class="btn edge" onClick={() => own("edit", "on", "push")}>Change</button>
          </>
        )}
      </ManageTop>
      <Trouble />
      <main class="page managing">
        {failure && <Failed failure={failure} />}
        {!known && !failure && <Rows count={10} waits />}
        {of && editing && <MonitorForm of={of} onKept={() => { own("edit", undefined, "push"); void look(); }} onLeft={() => own("edit", undefined, "push")} />}
        {known && !editing && <Parts known={known} window={window} onRemove={() => void attempt(() => remove(id), async () => go({ own: {} }))} />}
      </main>
    </>
  );
}

function Parts({ known: { of, past, single }, window, onRemove }: { known: Known; window: Window; onRemove: () => void }) {
  const now = Date.now();
  const { zone } = address.value;
  const state = STATES[of.state];
  const figures = of.windows[window];
  return (
    <>
      <section class="stands">
        <p><Badge kind={state.kind}>{state.words}</Badge>{of.since && of.state !== "paused" && <span class="soft">since {dayAndClock(Date.parse(of.since), zone)}</span>}</p>
        {of.last?.reason && of.state !== "paused" && <p class="ink5xx">{of.last.detail}</p>}
        <p class="faint small">{of.method} <span class="mono">{of.url}</span>, every {lasting(of.interval_seconds)}{of.last && `, last asked ${ago((now - Date.parse(of.last.time)) / 1000)}`}{of.public && <>, shown on <a href={of.page ? `status/${of.page}` : "status"} target="_blank" rel="noopener">the status page</a></>}</p>
      </section>
      <section>
        <Head title="Response and uptime">
          <span class="tabs" role="tablist" aria-label="Window">
            {WINDOWS.map((each) => <button type="button" role="tab" key={each} aria-selected={each === window} onClick={() => own("window", each === "24h" ? undefined : each)}>{each}</button>)}
          </span>
        </Head>
        <dl class="big-figures">
          <div><dt>Uptime</dt><dd>{uptime(figures.uptime)}</dd></div>
          <div><dt>Down</dt><dd>{figures.down_seconds ? lasting(figures.down_seconds) : <span class="faint">none</span>}</dd></div>
          <div><dt>p50</dt><dd><N value={figures.p50_ms} unit="ms" /></dd></div>
          <div><dt>p95</dt><dd><N value={figures.p95_ms} unit="ms" /></dd></div>
          <div><dt>p99</dt><dd><N value={figures.p99_ms} unit="ms" /></dd></div>
          <div><dt>Measured</dt><dd>{uptime(figures.measured)}</dd></div>
          <div><dt>Certificate ends in</dt><dd><Certificate ends={of.tls_expires} now={now} /></dd></div>
        </dl>
        <Chart of={of} window={window} />
      </section>
      <section>
        <Head title="90 days" per="a bar is as tall as the day was measured, and dark by as much as it was down" />
        <DayStrip days={of.days} label={of.name} height={40} />
        <p class="ends faint small"><span>{of.days[0] && day(Date.parse(`${of.days[0].date}T12:00:00Z`), "UTC")}</span><span>today</span></p>
      </section>
      <div class="two-parts">
        <Incidents past={past} now={now} />
        <Probes single={single} />
      </div>
      <Ending name={of.name} onRemove={onRemove} />
    </>
  );
}

function Chart({ of, window }: { of: Monitor; window: Window }) {
  const points = of.chart ?? [];
  const times = points.map((point) => Date.parse(point.time));
  const axis = { times, end: (times.at(-1) ?? 0) + STEP_MS[window], right: 32 };
  const gaps = [];
  for (let at = 0; at < points.length; at += 1) {
    const first = at;
    while (at < points.length && points[at]?.uptime === null) at += 1;
    if (at > first) gaps.push({ from: first, to: at, label: "" });
  }
  const ms = (value: number | null | undefined) => words(value ?? null, "ms");
  return (
    <Reader
      still
      axis={axis}
      label={`Response time, ${WORDS[window]}`}
      read={(at) => (
        <>
          <Line name="p99" value={ms(points[at]?.p99_ms)} />
          <Line name="p95" value={ms(points[at]?.p95_ms)} />
          <Line name="p50" value={ms(points[at]?.p50_ms)} />
          <Line name="Uptime" value={points[at]?.uptime === null ? "not measured" : uptime(points[at]?.uptime ?? null)} />
          <Line name="Probes that failed" value={`${points[at]?.failed ?? 0} of ${points[at]?.probes ?? 0}`} />
        </>
      )}
    >
      <h3>Response time <span class="per">quantiles, ms, {WORDS[window]}</span></h3>
      <Plot
        height={152} steps={points.length} right={32} gaps={gaps} tick={(value, top) => tick(value, "ms", top)}
        layers={[
          { name: "p99", values: points.map((point) => point.p99_ms), as: "line", ink: "color-mix(in oklab, var(--bg), var(--accent) 70%)", width: 1, end: "p99" },
          { name: "p95", values: points.map((point) => point.p95_ms), as: "area", ink: "var(--accent)", end: "p95" },
          { name: "p50", values: points.map((point) => point.p50_ms), as: "line", ink: "var(--accent)", width: 2, end: "p50" },
        ]}
      />
    </Reader>
  );
}

function Incidents({ past, now }: { past: Incident[]; now: number }) {
  const { zone } = address.value;
  return (
    <section>
      <Head title="Incidents" per="of 90 days" />
      {past.length === 0 ? <p class="none">None.</p> : (
        <ul class="incidents">
          {past.map((each) => (
            <li key={each.begin}>
              <p><Mark kind={each.end ? "off" : "5xx"} /><b>{dayAndClock(Date.parse(each.begin), zone)}</b><span class="push soft">{lasting(((each.end ? Date.parse(each.end) : now) - Date.parse(each.begin)) / 1000)}{each.end ? each.ending === "paused" ? ", then paused" : "" : " until now"}</span></p>
              <p class="soft small">{each.detail || each.reason}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Probes({ single }: { single: Probe[] }) {
  const { zone } = address.value;
  return (
    <section>
      <Head title="Last probes" per="kept for 8 days" />
      <table class="manage-table" aria-label="Last probes">
        <thead><tr><th scope="col">Began</th><th scope="col">Outcome</th><th scope="col" class="n">Took</th></tr></thead>
        <tbody>
          {single.map((each) => (
            <tr key={each.time}>
              <td title={dayAndClock(Date.parse(each.time), zone)}>{clockSeconds(Date.parse(each.time), zone)}</td>
              <td><span class={each.reason ? "ink5xx" : "soft"}>{each.status ?? each.reason ?? "–"}</span>{each.state === "failing" && <span class="faint"> tried again</span>}{each.state === "paused" && <span class="faint"> paused</span>}</td>
              <td class="n"><N value={each.state === "paused" ? null : each.took_ms} unit="ms" /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Ending({ name, onRemove }: { name: string; onRemove: () => void }) {
  const [sure, ask] = useState(false);
  return (
    <section class="save ending">
      {sure
        ? <p>{name} and all that is known of it goes. <button class="btn danger" onClick={onRemove}>Remove it</button> <button class="btn" onClick={() => ask(false)}>Keep it</button></p>
        : <p><button class="btn" onClick={() => ask(true)}>Remove this monitor</button></p>}
    </section>
  );
}
