/** Deletions as they go on, and their receipts: how many calls, and where the data may still be. */
import { useEffect, useState } from "preact/hooks";
import { address } from "../address";
import { failureOf, type Failure } from "../ask";
import { count, dayAndClock, fullDay } from "../format";
import { Failed, Rows } from "../parts/say";
import { length } from "../parts/list";
import { Icon, Mark } from "../parts/words";
import { KINDS, list, type Erasure } from "./erasures";

const LOOK_MS = 1_500;

/** `asked`: counts what was asked for on this page, so that it stands here at once. */
export function Receipts({ asked, none }: { asked: number; none: string }) {
  const [all, put] = useState<Erasure[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [again, look] = useState(0);
  useEffect(() => {
    let left = false;
    list().then((found) => !left && (put(found), fail(null)), (reason: unknown) => !left && fail(failureOf(reason)));
    return () => {
      left = true;
    };
  }, [again, asked]);
  useEffect(() => {
    if (!all?.some((each) => each.state !== "done")) return undefined;
    const timer = setTimeout(() => look(again + 1), LOOK_MS);
    return () => clearTimeout(timer);
  }, [all]);
  if (failure && !all) return <Failed failure={failure} />;
  if (!all) return <Rows count={3} waits />;
  if (all.length === 0) return <p class="none">{none}</p>;
  return <ul class="erasures">{all.map((each) => <Receipt key={each.id} of={each} />)}</ul>;
}

const STATES: Record<Erasure["state"], ["2xx" | "3xx" | "off", string]> = { done: ["2xx", "deleted"], running: ["3xx", "under way"], waiting: ["off", "waits for its turn"] };

function Receipt({ of }: { of: Erasure }) {
  const { zone } = address.value;
  const [mark, words] = STATES[of.state];
  const kind = KINDS.find(([each]) => each === of.kind)?.[1] ?? of.kind;
  const calls = `${count(of.events)} ${of.events === 1 ? "call" : "calls"}`;
  return (
    <li>
      <p>
        <Mark kind={mark} />
        <b>{kind}</b>{of.value && of.kind !== "key" && <span class="mono cut">{of.value}</span>}<span class="soft">{words}</span>
        <span class="push small faint">{dayAndClock(of.asked, zone)}{of.by && `, by ${of.by}`}</span>
      </p>
      {of.state !== "done" && <div class="progress" role="progressbar" aria-label={`Deletion of ${kind.toLowerCase()}`} {...(of.total ? { "aria-valuenow": Math.round((of.events / of.total) * 100) } : {})} ref={length(of.total ? of.events / of.total : 0)} />}
      {of.error && <p class="ink4xx small">{of.error}; it is tried again</p>}
      {of.state === "done" && <p class="small soft">{calls} {of.keepsCounts ? "left without a name" : "gone"}{of.done !== null && `, ${dayAndClock(of.done, zone)}`}{of.still.length > 0 && ". It may still be in:"}</p>}
      {of.still.length > 0 && (
        <ul class="still small soft">
          {of.still.map((each) => <li key={each.where}><Icon name="time" /><span><b>{each.where}</b>{each.until !== null && ` until ${fullDay(each.until, zone)}`}<span class="faint">: {each.about}</span></span></li>)}
        </ul>
      )}
    </li>
  );
}
