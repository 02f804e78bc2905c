/** The foot of every page: the proof that nothing is missing. Taken = in the store + older than is kept + erased + on its way; shown is what the filters leave. */
import { address } from "../address";
import { updated, useAnswer } from "../ask";
import { late, state } from "../books";
import { clockSeconds, count } from "../format";
import { number } from "../questions";
import { Icon, Mark } from "../parts/words";

export function Books() {
  const known = state.value;
  const filtered = address.value.filters.length > 0;
  const shown = useAnswer({ measures: ["calls"] });
  const whole = useAnswer(filtered ? { measures: ["calls"], without: "all" } : null);
  const here = number(shown.answer?.rows[0], "calls");
  const all = filtered ? number(whole.answer?.rows[0], "calls") : here;
  // Who sees a part of the events has no books of the whole.
  if (!known) return <footer class="books">{here !== null && <span><b>{count(here)}</b>&nbsp;{here === 1 ? "call" : "calls"} in this view</span>}<span class="push wide">{updated.value && `Updated ${clockSeconds(updated.value, address.value.zone)}`}</span></footer>;
  const senders = known.senders.length;
  const heard = known.senders.filter((sender) => !late(sender, known.at)).length;
  return (
    <footer class="books">
      <Verdict taken={known.taken} inStore={known.shown ?? known.events} gone={known.gone} erased={known.erased} missing={known.missing} />
      {here !== null && all !== null && (
        <span>
          This view: <b>{count(here)}</b> shown{filtered && <> · <b>{count(Math.max(0, all - here))}</b> outside the filters</>}
        </span>
      )}
      {senders > 0 && <span class="wider">{heard === senders ? `${senders === 1 ? "The gateway is" : `All ${senders} gateways are`} heard` : `${heard} of ${senders} gateways heard`}</span>}
      <span class="push wide">{updated.value && `Updated ${clockSeconds(updated.value, address.value.zone)}`}</span>
    </footer>
  );
}

/** How the equation stands, in its first word. */
export function Verdict({ taken, inStore, gone, erased, missing }: { taken: number | null; inStore: number; gone: number; erased: number; missing: number | null }) {
  if (taken === null) {
    return (
      <>
        <span class="faint"><Mark kind="off" /><b>No account yet</b></span>
        <span><b>{count(inStore)}</b> in the store; a bridge says every 10 s what it took</span>
      </>
    );
  }
  const open = missing ?? Math.max(0, taken - inStore - gone - erased);
  return (
    <>
      {open === 0 ? <span class="ok"><Icon name="check" /><b class="ok">Books balance</b></span> : <span class="ink4xx"><Mark kind="4xx" /><b class="ink4xx">Catching up</b></span>}
      <span><b>{count(taken)}</b> taken · <b>{count(inStore)}</b> in the store{gone > 0 && <> · <b>{count(gone)}</b> older than is kept</>}{erased > 0 && <> · <b>{count(erased)}</b> erased</>} · <b>{count(open)}</b> {open === 0 ? "missing" : "on their way"}</span>
    </>
  );
}
