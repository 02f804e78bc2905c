/** Consumers: applications, users, companies; or, when the filters leave one, what that one does. */
import { address, link, only } from "../address";
import { fine, useAnswer } from "../ask";
import { fieldLabel, valueLabel } from "../fields";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count, dayAndClock, tick, words } from "../format";
import { failing, flagsOf, gapsOf, periodWords, useOver } from "../over";
import { FailingLegend, FailingLines, failingLayers } from "../parts/failing";
import { Figures } from "../parts/figures";
import { Plot } from "../parts/plot";
import { Ranked } from "../parts/ranked";
import { Line, Reader, Swatch } from "../parts/reader";
import { number, text } from "../questions";
import { ErrorTable } from "./errorcodes";

const ALWAYS = ["calls", "error_rate", "throttled", "latency_p95"];
/** One user is one user, and one application is one: their last figures say something else. */
const figuresOf = (one: string | undefined) => [...ALWAYS, ...(one === "user" ? ["applications", "response_bytes"] : one === "application" ? ["users", "response_bytes"] : ["users", "applications"])];
const FIELDS = ["user", "application", "company"];

export function Consumers() {
  const { compare } = address.value;
  const one = FIELDS.find((field) => only(field) !== undefined);
  const name = one ? valueLabel(one, only(one)) : "";
  const figures = figuresOf(one);
  const totals = useAnswer({ measures: [...figures, "errors"], compare }, "Figures");
  const life = useAnswer(one ? { measures: ["first_seen", "last_seen"], always: true } : null);
  const over = useOver(figures, { compare: true }, "Over time");
  const row = totals.answer?.rows[0];
  const calls = number(row, "calls");
  const { filters, zone } = address.value;
  const seen = text(life.answer?.rows[0], "first_seen");
  const last = text(life.answer?.rows[0], "last_seen");
  return (
    <>
      <Top title={one ? name : "Consumers"} crumb={one && <a class="crumb wide" href={link({ filters: filters.filter((filter) => filter.field !== one) })}>Consumers&ensp;/&ensp;</a>} />
      <Trouble />
      <main class="page">
        {calls === 0 ? <Empty /> : (
          <>
            {one && <p class="about">{seen && last ? <><span>{fieldLabel(one)}</span><span>First seen {dayAndClock(Date.parse(seen), zone)}</span><span>Last seen {dayAndClock(Date.parse(last), zone)}</span></> : "\u00a0"}</p>}
            <Figures specs={figures.map((measure) => ({ measure }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
            <Calls over={over} />
            <div class={`cols ${one ? "consumer" : "consumers"}`}>
              {one !== "application" && <Ranked area="a-apps" title="Applications" by={["application", "application_owner"]} whole={calls} limit={one ? 10 : 12} columns={one ? ["errors"] : ["change", "errors", "p95", "users"]} />}
              {one !== "user" && <Ranked area={one === "company" ? "a-slow" : one ? "a-apps" : "a-users"} title="Users" by={["user"]} whole={calls} limit={one ? 10 : 12} columns={["errors"]} />}
              {one ? (
                <>
                  <Ranked area="a-res" title="Favourite resources" by={["resource", "api", "method"]} both={["api", "method"]} whole={calls} limit={10} mono columns={["change", "errors", "p95"]} lead={(each) => <span class="faint small">{text(each, "method")}</span>} empty="No call of this period reached a resource." />
                  <ErrorTable errors={number(row, "errors")} limit={8} />
                </>
              ) : (
                <>
                  <Ranked area="a-res" title="Subscriptions" per="application and API, by calls" by={["application", "api"]} both={["api"]} whole={calls} limit={10} columns={["change", "errors", "p95", "users"]} empty="No event names an application." />
                  <Ranked area="a-slow" title="Companies" by={["company"]} whole={calls} limit={10} columns={["errors"]} empty="No event names a company: [bridge.identity] company says where to find it." />
                </>
              )}
              <Ranked area="a-back" title={one ? "APIs" : "Applications’ owners"} by={one ? ["api", "version"] : ["application_owner"]} whole={calls} limit={8} columns={["errors"]} />
            </div>
          </>
        )}
      </main>
    </>
  );
}

function Calls({ over }: { over: ReturnType<typeof useOver> }) {
  const { compare } = address.value;
  const ends = useAnswer({ measures: ["calls", "errors", "throttled"], by: ["status_class"], step: fine.value });
  const failed = failing(ends.answer?.rows ?? [], over.axis.times);
  const steps = over.axis.times.length;
  return (
    <section class="series">
      <Reader axis={over.axis} label={`Calls and errors, ${periodWords()}`} read={(at) => (
        <>
          <Line mark={<Swatch class="c-accent" />} name="Calls" value={count(over.of("calls")[at] ?? 0)} />
          {compare && <Line mark={<Swatch class="dash" />} name="Before" value={words(over.before("calls")[at] ?? null, "")} />}
          <FailingLines failing={failed} at={at} />
        </>
      )}>
        <h3>Calls <span class="per">{fine.value.words}, {periodWords()}</span></h3>
        <Plot
          height={152} steps={steps} flags={flagsOf(over.axis)} gaps={gapsOf(over.axis)} tick={(value, top) => tick(value, "", top)}
          layers={[...(compare ? [{ name: "Before", values: over.before("calls"), as: "prev" as const, ink: "var(--text-3)" }] : []), { name: "Calls", values: over.drawn("calls"), as: "area", ink: "var(--accent)" }]}
        />
        <h3>Errors <span class="per">{fine.value.words}</span><FailingLegend failing={failed} /></h3>
        <Plot height={56} headroom={8} grid={2} steps={steps} layers={failingLayers(failed)} tick={(value, top) => tick(value, "", top)} />
      </Reader>
    </section>
  );
}
