/** Outliers: how many calls were slower than most, and the newest of them, each one click from its events. */
import { useEffect, useState } from "preact/hooks";
import { address, link, withFilter } from "../address";
import { request, span, useAnswer } from "../ask";
import { codeWords } from "../codes";
import { callOf, type Call, type Raw } from "../events/event";
import { clock, clockSeconds, count, day, words } from "../format";
import { Head, inkOf, Mark, N } from "../parts/words";
import { number, wireFilters, type Row } from "../questions";

const NEWEST = 5;
const slower = (from: number | null) => withFilter(address.value.filters, "latency", "from", from === null ? null : String(Math.ceil(from)));

export function Outliers({ row }: { row: Row | undefined }) {
  const longest = number(row, "latency_max");
  const p99 = number(row, "latency_p99");
  const steps: [string, number | null][] = [["Slower than p95", number(row, "latency_p95")], ["Slower than p99", p99], ["Slower than 1 s", 1000]];
  return (
    <>
      <div>
        <Head title="Outliers" per="one click from their events" />
        <ul class="said">
          {steps.map(([name, from]) => <Outlier key={name} name={name} from={from} />)}
          <li><a href={link({ page: "events", filters: slower(longest) })}>The longest</a><b><N value={longest} unit="ms" /></b></li>
        </ul>
      </div>
      <Newest from={p99} />
    </>
  );
}

function Outlier({ name, from }: { name: string; from: number | null }) {
  const asked = useAnswer(from === null ? null : { measures: ["calls"], also: [{ field: "latency", op: "from", values: [String(Math.ceil(from))] }] });
  const calls = number(asked.answer?.rows[0], "calls");
  return (
    <li>
      <a href={link({ page: "events", filters: slower(from) })}>{name}{from !== null && !name.endsWith(" s") && <span class="faint small">&ensp;{words(Math.ceil(from), "ms")}</span>}</a>
      <b>{calls === null ? "–" : count(calls)}<span class="u">calls</span></b>
    </li>
  );
}

/** The last calls that were slower than 99 of 100; they are single events, which not every token may see. */
function Newest({ from }: { from: number | null }) {
  const [found, put] = useState<Call[] | null>(null);
  const { zone } = address.value;
  const filters = slower(from);
  const query = from === null ? "" : String(new URLSearchParams({ filters: JSON.stringify(wireFilters(filters)), from: new Date(span.value.from).toISOString(), to: new Date(span.value.to).toISOString(), limit: String(NEWEST) }));
  useEffect(() => {
    if (!query) return undefined;
    const abort = new AbortController();
    request(`api/events?${query}`, { signal: abort.signal })
      .then((response) => response.json())
      .then((body) => put((body as { events: Raw[] }).events.map(callOf)), () => undefined);
    return () => abort.abort();
  }, [query]);
  if (!found?.length) return null;
  const today = day(Date.now(), zone);
  return (
    <div>
      <Head title="Newest of them" per="slower than p99" />
      <ul class="said newest">
        {found.map((call) => (
          <li key={call.id}>
            <a href={link({ page: "events", filters, own: { event: call.id } })}>
              <span class={inkOf(call.kind)}><Mark kind={call.kind} /></span>
              <span class="faint small">{day(call.time, zone) === today ? clockSeconds(call.time, zone) : `${day(call.time, zone).slice(4)} ${clock(call.time, zone)}`}</span>
              <span class="mono cut">{call.code === null ? (call.resource ?? "–") : codeWords(call.code, call.status).name}</span>
              <span class="faint small cut">{call.api}</span>
            </a>
            <b><N value={call.took} unit="ms" /></b>
          </li>
        ))}
      </ul>
    </div>
  );
}
