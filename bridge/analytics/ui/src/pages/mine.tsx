/** Your data: what whoever holds an API Analytics key may do with the calls that came with it. */
import { useState } from "preact/hooks";
import { erase } from "../access/erasures";
import { Receipts } from "../access/receipts";
import { failureOf, refresh, useAnswer, withToken, type Failure } from "../ask";
import { address, link } from "../address";
import { ManageTop, Trouble } from "../frame/top";
import { count, dayAndClock } from "../format";
import { Head } from "../parts/words";
import { number, text } from "../questions";
import "../styles/manage.css";

const WORD = "delete";

export function Mine() {
  const asked = useAnswer({ measures: ["calls", "first_seen", "last_seen"], always: true, without: "all" });
  const [typed, type] = useState("");
  const [times, ask] = useState(0);
  const [failure, fail] = useState<Failure | null>(null);
  const row = asked.answer?.rows[0];
  const calls = number(row, "calls");
  const [first, last] = [text(row, "first_seen"), text(row, "last_seen")];
  const { zone } = address.value;
  const go = async () => {
    try {
      await withToken((key) => erase("key", key, false));
      fail(null);
      type("");
      ask(times + 1);
      refresh();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  return (
    <>
      <ManageTop title="Your data" about="The calls that came with your key, and nobody else’s" />
      <Trouble />
      <main class="page managing">
        <section class="mine">
          <Head title="What is here" />
          <p>{calls === null ? "\u00a0" : calls === 0 ? "No call has come with this key." : <><b>{count(calls)}</b> {calls === 1 ? "call" : "calls"}{first && last && <> from {dayAndClock(Date.parse(first), zone)} to {dayAndClock(Date.parse(last), zone)}</>} <a class="btn small" href={link({ page: "events", from: "all", to: "now", filters: [], own: {} })}>Look at them</a></>}</p>
        </section>
        <section class="mine">
          <Head title="Delete this key’s data" per="for good" />
          <form class="save another" onSubmit={(event) => { event.preventDefault(); if (typed === WORD) void go(); }}>
            <p class="soft">All calls that came with it until now go, from the figures as well. This cannot be undone.</p>
            <label><span>Type “{WORD}” to go on</span><input class="field" autocomplete="off" spellcheck={false} value={typed} onInput={(event) => type(event.currentTarget.value)} /></label>
            {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
            <p><button class="btn danger" disabled={typed !== WORD}>Delete for good</button></p>
          </form>
          <Receipts asked={times} none="" />
        </section>
      </main>
    </>
  );
}
