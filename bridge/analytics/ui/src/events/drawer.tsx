/** One call taken apart: what happened, where the time went, where it was delivered, everything that it says. */
import { useEffect, useState } from "preact/hooks";
import { address, filterLink, own, withFilter, link } from "../address";
import { failureOf, request, useAnswer, type Failure } from "../ask";
import { late, state } from "../books";
import { codeWords, statusWords, type Kind } from "../codes";
import { clockMillis, clockSeconds, count, dayAndClock, words } from "../format";
import { Failed, Rows } from "../parts/say";
import { useWidth } from "../parts/spark";
import { Badge, Icon, Mark } from "../parts/words";
import { is, number } from "../questions";
import { deliveryOf, type Delivery } from "./delivered";
import { callOf, curlOf, fieldsOf, type Call, type Raw } from "./event";
import { calls } from "./log";

export function Drawer({ id, onStep }: { id: string; onStep: (by: 1 | -1) => void }) {
  const listed = calls.value?.find((call) => call.id === id);
  const [whole, put] = useState<{ id: string; fields: Raw; event: Raw } | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    let left = false;
    fail(null);
    request(`api/events/${encodeURIComponent(id)}`)
      .then((response) => response.json())
      .then((body) => !left && put({ ...(body as { fields: Raw; event: Raw }), id }), (reason: unknown) => !left && fail(failureOf(reason)));
    return () => {
      left = true;
    };
  }, [id]);
  const event = whole?.id === id ? whole.event : null;
  const call = listed ?? (whole?.id === id ? callOf(whole.fields) : null);
  const shut = () => own("event", undefined);
  return (
    <aside class="drawer" aria-label="One event" onKeyDown={(pressed) => copyKey(pressed, call, event)}>
      <header>
        {call && <Badge kind={call.kind}>{call.status ?? "–"}</Badge>}
        <h2 class="mono cut">{call ? titleOf(call) : "Event"}</h2>
        <span class="push chips">
          <button class="btn" title="Newer (k)" aria-label="Newer" onClick={() => onStep(-1)}><Icon name="up" /></button>
          <button class="btn" title="Older (j)" aria-label="Older" onClick={() => onStep(1)}><Icon name="down" /></button>
          <button class="btn" title="Close (Esc)" aria-label="Close" onClick={shut}><Icon name="x" /></button>
        </span>
      </header>
      <div class="body" tabIndex={0}>
        {failure ? <Failed failure={failure} /> : call ? <Body call={call} event={event} fields={whole?.fields ?? {}} /> : <Rows count={12} waits />}
      </div>
      {call && (
        <footer>
          <Copy words="JSON" key_="c" text={() => JSON.stringify(event, null, 2)} />
          <Copy words="curl" key_="u" text={() => curlOf(call)} />
          {call.correlation && <a class="btn push" href={link({ filters: withFilter([], "correlation_id", "is", call.correlation) })} title="All events of this correlation id">Same correlation id</a>}
        </footer>
      )}
    </aside>
  );
}

export const titleOf = (call: Call) => (call.code !== null ? `${call.code} ${codeWords(call.code, call.status).name}` : `${call.method ?? ""} ${call.resource ?? call.api ?? ""}`);

function copyKey(pressed: KeyboardEvent, call: Call | null, event: Raw | null): void {
  if (!call || pressed.ctrlKey || pressed.metaKey || (pressed.key !== "c" && pressed.key !== "u")) return;
  pressed.stopPropagation();
  void navigator.clipboard.writeText(pressed.key === "c" ? JSON.stringify(event, null, 2) : curlOf(call));
}

function Copy({ words: what, key_, text }: { words: string; key_: string; text: () => string }) {
  const [done, put] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    put(true);
    setTimeout(() => put(false), 1500);
  };
  return <button class="btn edge" title={`Copy as ${what} (${key_})`} onClick={() => void copy()}><Icon name={done ? "check" : "copy"} />{what}<span class="sr" role="status">{done ? "copied" : ""}</span></button>;
}

function Body({ call, event, fields }: { call: Call; event: Raw | null; fields: Raw }) {
  const same = [...(call.api ? [is("api", call.api)] : []), ...(call.resource ? [is("resource", call.resource)] : []), ...(call.method ? [is("method", call.method)] : [])];
  const usual = useAnswer(call.parts ? { measures: ["calls", "latency_p50", "latency_p95"], without: "all", also: same } : null);
  const row = usual.answer?.rows[0];
  const p95 = number(row, "latency_p95");
  return (
    <>
      <section><Verdict call={call} p50={number(row, "latency_p50")} p95={p95} /></section>
      <section>
        <h3>Where the time went <span class="push">ms since the request came</span></h3>
        {call.parts ? <Waterfall call={call} p95={p95} /> : <p class="soft">WSO2 writes no times for a fault.</p>}
      </section>
      {state.value && <Delivered call={call} />}
      <section>
        {!event && <Rows count={8} waits />}
        {event && fieldsOf(event, fields).map(([title, lines]) => (
          <>
            <h3>{title}</h3>
            <dl class="fields">
              {lines.map((line) => (
                <div key={line.name}>
                  <dt>{line.name}</dt>
                  <dd class={line.mono ? "mono" : ""}>{line.filter ? <a href={filterLink(...line.filter)} data-not={filterLink(...line.filter, "not")} title="Filter by this">{line.value}</a> : line.value}</dd>
                </div>
              ))}
            </dl>
          </>
        ))}
      </section>
    </>
  );
}

function Verdict({ call, p50, p95 }: { call: Call; p50: number | null; p95: number | null }) {
  const { zone } = address.value;
  const fault = call.fault;
  const said = codeWords(call.code, call.status);
  const pace = call.took === null || p95 === null || p50 === null ? "" : call.took > p95 ? `Slower than 95% of ${call.method} ${call.resource} in this period (p95 ${words(p95, "ms")}).` : `Within what ${call.method} ${call.resource} usually takes: p50 ${words(p50, "ms")}, p95 ${words(p95, "ms")}.`;
  return (
    <>
      <p class="verdict">
        {fault ? `${said.name}: the gateway answered ${call.status ?? ""} itself.` : call.cached ? `Answered by the gateway’s cache in ${words(call.took, "ms")}.` : (call.status ?? 0) >= 400 ? `The backend answered ${call.target ?? call.status} ${statusWords(call.target ?? call.status)}; the gateway passed it on.` : `Answered by the backend in ${words(call.took, "ms")}.`}
      </p>
      <p>{fault ? `${said.cure}.` : pace || "\u00a0"}</p>
      <p class="ways">
        Client <span aria-hidden="true">←</span> <Badge kind={call.kind}>{call.status ?? "–"}</Badge> {call.gateway ?? "gateway"} <span aria-hidden="true">←</span>{" "}
        {fault || call.cached ? <span class="faint">backend not asked</span> : <><Badge kind={call.kind}>{call.target ?? "–"}</Badge> backend</>}
        <span class="push faint">{dayAndClock(call.time, zone)}</span>
      </p>
    </>
  );
}

const PARTS: [string, string][] = [["Request mediation", "c-req"], ["Backend", "c-back"], ["Response mediation", "c-res"]];

function Waterfall({ call, p95 }: { call: Call; p95: number | null }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const parts = call.parts ?? [0, 0, 0];
  const took = call.took ?? 0;
  const top = Math.max(took, parts[0] + parts[1] + parts[2], p95 ?? 0, 1);
  const x = (value: number) => value / top * width;
  const starts = [0, parts[0], parts[0] + parts[1]];
  const usual = p95 === null ? null : x(p95);
  const lane = (from: number, value: number, own_: string, thin = false) => (
    <svg width={width} height="24" aria-hidden="true">
      {usual !== null && <g class="flag"><line x1={usual} x2={usual} y2="24" /></g>}
      {value > 0 && <rect class={`fill ${own_}`} x={Math.min(x(from), width - 3)} y={thin ? 10 : 6} width={Math.max(3, x(value))} height={thin ? 4 : 12} />}
    </svg>
  );
  return (
    <div class="fall">
      <span>Whole call</span><div class="lane" ref={box}>{width > 0 && lane(0, took, "c-accent", true)}</div><b>{words(took, "ms")}</b>
      {PARTS.map(([name, own_], at) => (
        <><span>{name}</span><div class="lane">{width > 0 && lane(starts[at] ?? 0, parts[at] ?? 0, own_)}</div><span>{words(parts[at], "ms")}</span></>
      ))}
      <span />
      <div class="lane plot static">
        {width > 0 && (
          <svg width={width} height="24" aria-hidden="true">
            <line class="grid base" x2={width} y1=".5" y2=".5" />
            <text y="16">0</text>
            {usual !== null && usual > 60 && usual < width - 40 && <text x={usual} y="16" text-anchor="middle">p95 {count(p95 ?? 0)}</text>}
            <text x={width} y="16" text-anchor="end">{usual !== null && usual >= width - 40 && "p95 "}{count(top)}</text>
          </svg>
        )}
      </div>
      <span />
    </div>
  );
}

const DELIVERED: Record<Delivery["state"], [Kind, string]> = { "has it": ["2xx", "delivered"], settled: ["3xx", "settled"], waits: ["off", "waiting"], unknown: ["off", "not known"] };

/** Certain for this store, and for a destination as far as its bridge's account proves it. */
function Delivered({ call }: { call: Call }) {
  const sender = state.value?.senders.find((each) => each.name === call.gateway || each.instance === call.gateway);
  const { zone } = address.value;
  const silent = sender && state.value && late(sender, state.value.at);
  return (
    <section>
      <h3>Delivered {sender && <span class="push">as {sender.name} {silent && sender.seen ? `said at ${clockSeconds(sender.seen, zone)}` : "says"}</span>}</h3>
      <dl class="sinks">
        {call.received !== null && <div><dt><Mark kind="2xx" />journal</dt><dd>taken, on disk at <span class="soft">{clockMillis(call.received, zone)}</span></dd></div>}
        <div><dt><Mark kind="2xx" />this store</dt><dd>shown here</dd></div>
        {Object.entries(sender?.sinks ?? {}).map(([name, sink]) => {
          const said = deliveryOf(call.received, sink, zone);
          const [kind, word] = DELIVERED[said.state];
          return <div key={name}><dt><Mark kind={kind} late={said.state === "waits"} /><span class="cut" title={name}>{name}</span></dt><dd class={said.state === "waits" ? "ink4xx" : ""}>{word} <span class="soft">{said.words}</span></dd></div>;
        })}
      </dl>
      {!sender && <p class="small faint">No bridge that gives accounts calls itself {call.gateway ?? "by this name"}.</p>}
    </section>
  );
}
