/** A view as events: the newest ones that pass the filters, each a way into the log. */
import { useEffect, useState } from "preact/hooks";
import { address, link } from "../address";
import { failureOf, request, span, type Failure } from "../ask";
import { codeWords } from "../codes";
import { callOf, type Call, type Raw } from "../events/event";
import { clockSeconds, day } from "../format";
import { Failed, Nothing, Rows } from "../parts/say";
import { inkOf, Mark, N } from "../parts/words";
import { wireFilters } from "../questions";
import type { ShownProps } from "./shown";
import { ROWS } from "./view";

interface Found {
  calls: Call[] | null;
  failure: Failure | null;
}

function useNewest(query: string): Found {
  const [found, put] = useState<Found>({ calls: null, failure: null });
  useEffect(() => {
    const abort = new AbortController();
    request(`api/events?${query}`, { signal: abort.signal })
      .then(async (response) => put({ calls: ((await response.json()) as { events: Raw[] }).events.map(callOf), failure: null }))
      .catch((reason: unknown) => {
        if (!abort.signal.aborted) put((before) => ({ calls: before.calls, failure: failureOf(reason) }));
      });
    return () => abort.abort();
  }, [query]);
  return found;
}

export function Newest({ view, also }: ShownProps) {
  const { limit = ROWS } = view;
  const { filters, zone } = address.value;
  const { from, to } = span.value;
  const every = [...filters, ...also];
  const { calls, failure } = useNewest(new URLSearchParams({ filters: JSON.stringify(wireFilters(every)), from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit: String(limit) }).toString());
  if (failure && !calls) return <Failed failure={failure} />;
  if (!calls) return <Rows count={limit + 1} waits />;
  if (calls.length === 0) return <Nothing>No event of this period passes the filters.</Nothing>;
  const today = day(Date.now(), zone);
  return (
    <div class="scrolled">
      <table class="newest" aria-label="Events, newest first">
        <thead><tr><th scope="col" class="w-t">Time</th><th scope="col" class="w-s">Status</th><th scope="col">Call, or code</th><th scope="col" class="w-api">API</th><th scope="col" class="n w-ms">Took</th></tr></thead>
        <tbody>
          {calls.map((call) => {
            const date = day(call.time, zone);
            const code = call.code === null ? null : codeWords(call.code, call.status);
            return (
              <tr key={call.id}>
                <td class="soft"><a class="row" href={link({ page: "events", filters: every, own: { event: call.id } })}>{date !== today && <span class="date">{date.slice(4)} </span>}{clockSeconds(call.time, zone)}</a></td>
                <td><span class={inkOf(call.kind)}><Mark kind={call.kind} /> <span class="mono">{call.status ?? "–"}</span></span></td>
                <td>{code ? <span class={inkOf(call.kind)}><span class="mono">{call.code}</span> {code.name}</span> : <><span class="faint small">{call.method}</span> <span class="mono">{call.resource ?? "–"}</span></>}</td>
                <td class="w-api">{call.api ?? <span class="faint">no API</span>}</td>
                <td class="n">{call.took === null ? <span class="faint" title="WSO2 writes no times for a fault">–</span> : <N value={call.took} unit="ms" />}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
