/** Where and when: countries, what callers call with, and at which hours of the week. */
import { address, link, own, withFilter } from "../address";
import { span, useAnswer } from "../ask";
import { MEASURES, valueLabel } from "../fields";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count } from "../format";
import { offsetOf } from "../period";
import { Heat } from "../parts/heat";
import { WorldMap } from "../parts/map";
import { NotExact } from "../parts/near";
import { Ranked } from "../parts/ranked";
import { Failed, Panel } from "../parts/say";
import { Head } from "../parts/words";
import { number, text } from "../questions";
import { periodWords } from "../over";

export function Where() {
  const totals = useAnswer({ measures: ["calls"] });
  const calls = number(totals.answer?.rows[0], "calls");
  return (
    <>
      <Top title="Where and when" />
      <Trouble />
      <main class="page">
        {calls === 0 ? <Empty /> : (
          <div class="cols where">
            <Countries />
            <Ranked area="a-apis" title="Countries" by={["country"]} whole={calls} limit={12} columns={["errors", "p95"]} empty="No event names a country." />
            <Week />
            <Ranked area="a-codes" title="Clients" by={["browser"]} whole={calls} limit={8} columns={["errors"]} />
            <Ranked area="a-apps" title="Systems" by={["os"]} whole={calls} columns={["errors"]} />
            <Ranked area="a-users" title="Devices" by={["device"]} whole={calls} columns={["errors"]} />
            <Ranked area="a-slow" title="Bots" by={["bot"]} whole={calls} columns={["errors"]} label={(row) => (row["bot"] === true ? "Bots" : row["bot"] === false ? "Everybody else" : "Not known")} />
          </div>
        )}
      </main>
    </>
  );
}

const SHADED = ["calls", "error_rate", "latency_p95", "users"];
/** More than there are countries: what the map leaves out is said, not cut off. */
const ALL = 300;

function Countries() {
  const chosen = SHADED.find((measure) => measure === address.value.own["shade"]) ?? "calls";
  const asked = useAnswer({ measures: SHADED, by: ["country"], order: "-calls", limit: ALL }, "Countries on the map");
  const named = asked.answer?.rows.some((row) => row["country"] !== null);
  const label = `${MEASURES[chosen]?.label ?? chosen} by country, ${periodWords()}`;
  return (
    <section class="a-map">
      <Head title="World" per={label}>
        <span class="tabs" role="tablist" aria-label="Shaded by">
          {SHADED.map((measure) => <button type="button" role="tab" key={measure} aria-selected={measure === chosen} onClick={() => own("shade", measure === "calls" ? undefined : measure)}>{MEASURES[measure]?.label}</button>)}
        </span>
      </Head>
      {asked.failure && !asked.answer ? <Failed failure={asked.failure} /> : (
        <>
          {asked.answer && !named && <p class="notice">No event names a country. Set <code>[bridge.privacy] country_database</code>, and the bridge looks it up from the caller’s address.</p>}
          <NotExact.Provider value={asked.answer?.approximate ?? null}><WorldMap rows={asked.answer?.rows ?? []} measure={chosen} more={SHADED.filter((measure) => measure !== chosen)} label={label} /></NotExact.Provider>
        </>
      )}
    </section>
  );
}

/** Which hours of the week the period has at all: an hour that has not been is not an hour without calls. */
function been(): Set<string> {
  const { from, to } = span.value;
  const found = new Set<string>();
  for (let time = from, left = 169; left > 0; time = Math.min(to - 1, time + 3_600_000), left -= 1) {
    const local = new Date(time + offsetOf(time, address.value.zone));
    found.add(`${local.getUTCDay() || 7} ${local.getUTCHours()}`);
  }
  return found;
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const DAYS = [1, 2, 3, 4, 5, 6, 7];

function Week() {
  const asked = useAnswer({ measures: ["calls"], by: ["weekday", "hour"], limit: 168 }, "Hour and weekday");
  const hours = been();
  return (
    <section class="a-week">
      <Head title="Hour and weekday" per={`calls, ${periodWords()}, ${address.value.zone}`} />
      <Panel asked={asked} rows={7}>
        {({ rows }) => {
          const of = new Map(rows.map((row) => [`${text(row, "weekday")} ${text(row, "hour")}`, number(row, "calls") ?? 0]));
          return (
            <Heat
              class="week" label={`Calls by hour and weekday, ${periodWords()}`} heads={HOURS.map((hour) => String(hour).padStart(2, "0"))}
              rows={DAYS.map((day) => ({
                label: valueLabel("weekday", day),
                cells: HOURS.map((hour) => {
                  const value = of.get(`${day} ${hour}`) ?? 0;
                  if (!hours.has(`${day} ${hour}`)) return null;
                  return { value, title: `${valueLabel("weekday", day)} ${valueLabel("hour", hour)}: ${count(value)} calls`, href: link({ filters: withFilter(withFilter(address.value.filters, "weekday", "is", String(day)), "hour", "is", String(hour)) }) };
                }),
              }))}
            />
          );
        }}
      </Panel>
    </section>
  );
}
