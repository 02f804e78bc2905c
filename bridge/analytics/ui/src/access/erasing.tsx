/** Delete data: what goes is counted and shown before, its name is typed, and the receipt says where it may still be. */
import { useEffect, useState } from "preact/hooks";
import { address, filterLink } from "../address";
import { failureOf, useAnswer, type Failure } from "../ask";
import { count, dayAndClock } from "../format";
import { Head } from "../parts/words";
import { is, number, text } from "../questions";
import { useValues } from "../values";
import { erase, KINDS, type Kind } from "./erasures";
import { Receipts } from "./receipts";

export function Erasing() {
  const [asked, note] = useState(0);
  return (
    <>
      <section class="a-erase">
        <Head title="Delete data" per="for good, and so that no rewind or replay brings it back" />
        <Ask onAsked={() => note(asked + 1)} />
      </section>
      <section class="a-erased">
        <Head title="Deletions" per="newest first" />
        <Receipts asked={asked} none="Nothing has been deleted." />
      </section>
    </>
  );
}

function Ask({ onAsked }: { onAsked: () => void }) {
  const [kind, choose] = useState<Kind>("user");
  const [value, name] = useState("");
  const [settled, settle] = useState("");
  const [counts, keep] = useState(false);
  const [typed, type] = useState("");
  const [busy, wait] = useState(false);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    type("");
    fail(null);
    const timer = setTimeout(() => settle(value.trim()), 300);
    return () => clearTimeout(timer);
  }, [kind, value]);
  const { found } = useValues([kind], value.trim(), 8, kind !== "key" && value.trim().length > 0);
  const suggested = found.filter((each) => each.value !== null && each.value !== value.trim());
  const asked = useAnswer(settled ? { measures: ["calls", "first_seen", "last_seen"], always: true, without: "all", also: [is(kind, settled)] } : null);
  const row = settled ? asked.answer?.rows[0] : undefined;
  const calls = number(row, "calls");
  const { zone } = address.value;
  const [first, last] = [text(row, "first_seen"), text(row, "last_seen")];
  const whole = settled !== "" && typed.trim() === settled && settled === value.trim();
  const go = async () => {
    wait(true);
    try {
      await erase(kind, settled, counts);
      name("");
      onAsked();
    } catch (reason) {
      fail(failureOf(reason));
    }
    wait(false);
  };
  const noun = KINDS.find(([each]) => each === kind)?.[1].toLowerCase() ?? "";
  return (
    <form class="save another" onSubmit={(event) => { event.preventDefault(); if (whole) void go(); }}>
      <div class="pair">
        <label><span>Whose</span><select class="field" value={kind} onChange={(event) => { choose(event.currentTarget.value as Kind); name(""); }}>{KINDS.map(([each, words]) => <option key={each} value={each} selected={each === kind}>{words}</option>)}</select></label>
        <label><span>Which one</span><input class="field" autocomplete="off" spellcheck={false} value={value} placeholder={kind === "ip" ? "198.51.100.7" : kind === "key" ? "The key, a UUID" : "As the events name it"} onInput={(event) => name(event.currentTarget.value)} /></label>
      </div>
      {suggested.length > 0 && <p class="chips suggested small">{suggested.slice(0, 5).map((each) => <button type="button" class="btn small edge" key={each.value} onClick={() => name(each.value ?? "")}>{each.value} <span class="faint">{count(each.calls)}</span></button>)}</p>}
      {settled && (
        <p class="preview">
          {calls === null ? "\u00a0" : kind === "key" || calls > 0 ? (
            <><b>{kind === "key" ? "All calls that came with this key" : `${count(calls)} ${calls === 1 ? "call" : "calls"}`}</b>{first && last && calls > 0 && <> from {dayAndClock(Date.parse(first), zone)} to {dayAndClock(Date.parse(last), zone)}</>}{kind !== "key" && <a class="btn small" href={filterLink(kind, settled, "is", { page: "events", from: "all", to: "now", filters: [] })}>Look at them</a>}</>
          ) : <span class="soft">The store has no call of {noun} with this name. What may still come of it is kept out once it is deleted.</span>}
        </p>
      )}
      <fieldset class="checks">
        <legend>What is left</legend>
        <label><input type="radio" name="keep" checked={!counts} onChange={() => keep(false)} /><span>Nothing: the calls go, and figures of the past become smaller</span></label>
        <label><input type="radio" name="keep" checked={counts} onChange={() => keep(true)} /><span>Counts without a name: the calls stay, and nobody can tell whose they were</span></label>
      </fieldset>
      <label><span>Type the name once more: this cannot be undone</span><input class="field" autocomplete="off" spellcheck={false} disabled={!settled} value={typed} placeholder={settled} onInput={(event) => type(event.currentTarget.value)} /></label>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p><button class="btn danger" disabled={!whole || busy}>Delete for good</button></p>
    </form>
  );
}
