/** The books of a view: what the bridges took, what is in the store, what the period and the filters leave. */
import { address } from "../address";
import { useAnswer } from "../ask";
import { state } from "../books";
import { count } from "../format";
import { Verdict } from "../frame/books";
import { Head } from "../parts/words";
import { number } from "../questions";

/** The books as an account, closed with a double rule: filters are a line of it, so that the sum is right in every view. */
export function Ledger() {
  const filtered = address.value.filters.length > 0;
  const shown = useAnswer({ measures: ["calls"] });
  const all = useAnswer(filtered ? { measures: ["calls"], without: "all" } : null);
  const known = state.value;
  const here = number(shown.answer?.rows[0], "calls");
  const whole = filtered ? number(all.answer?.rows[0], "calls") : here;
  const line = (name: string, value: string, own_ = "") => <div class={own_}><dt>{name}</dt><dd>{value}</dd></div>;
  const inStore = known?.shown ?? known?.events ?? 0;
  return (
    <section class="a-books">
      <Head title="Books" per="events" />
      {known && (
        <dl class="ledger">
          {line(known.senders.length ? `Taken by ${count(known.senders.length)} ${known.senders.length === 1 ? "bridge" : "bridges"}` : "Taken", known.taken === null ? "–" : count(known.taken))}
          {known.gone > 0 && line("Older than is kept", minus(known.gone))}
          {known.erased > 0 && line("Erased", minus(known.erased))}
          {line("On their way or missing", known.missing ? `− ${count(known.missing)}` : "0", "rule")}
          {line("In the store", count(inStore), "sum")}
          {line("Before or after this period", whole === null ? "–" : minus(inStore - whole))}
          {line(filtered ? "Outside the filters" : "Outside the filters: none set", here === null || whole === null ? "–" : minus(whole - here), "rule")}
          {line("Shown", here === null ? "–" : count(here), "sum total")}
        </dl>
      )}
      {known && <p class="small soft verdict-line"><Verdict taken={known.taken} inStore={inStore} gone={known.gone} erased={known.erased} missing={known.missing} /></p>}
    </section>
  );
}

const minus = (value: number) => (value > 0 ? `− ${count(value)}` : "0");
