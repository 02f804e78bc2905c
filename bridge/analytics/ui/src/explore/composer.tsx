/** Asking: what, by what, in which form. The whole question stands in the address; it is saved on a board. */
import { useEffect, useState } from "preact/hooks";
import { address, go, link } from "../address";
import { useAnswer } from "../ask";
import { DIMENSIONS, MEASURES } from "../fields";
import { Empty } from "../frame/empty";
import { may, seesAll } from "../me";
import { close, float } from "../parts/dialog";
import { Head, Icon } from "../parts/words";
import { number } from "../questions";
import { askBoard, type Board } from "./boards";
import { Save } from "./save";
import { perWords, Shown } from "./shown";
import { Wide } from "./wide";
import { fitted, FORMS, measureLabel, ownOf, viewOf, type Form, type FormOf, type View } from "./view";

/** The view of a board that is being changed, and its board. */
export interface Origin {
  board: Board;
  at: number | null;
}

function useOrigin(): Origin | null {
  const { board: id, view: at } = address.value.own;
  const [board, put] = useState<Board | null>(null);
  useEffect(() => {
    put(null);
    // Without its board the question is still a question; saving says what is wrong.
    if (id) askBoard(id).then(put, () => undefined);
  }, [id]);
  const place = at !== undefined && board?.views[Number(at)] ? Number(at) : null;
  return board && board.id === id ? { board, at: place } : null;
}

export function Composer() {
  const { own, filters } = address.value;
  const origin = useOrigin();
  const view = viewOf(own, filters);
  const of = FORMS[view.form] as FormOf;
  const totals = useAnswer({ measures: ["calls"] });
  const put = (change: Partial<View>) => {
    const { board, view: at } = own;
    go({ own: { ...ownOf(fitted({ ...view, ...change })), ...(board ? { board } : {}), ...(at ? { view: at } : {}) } });
  };
  const kept = origin && origin.at !== null ? origin.board.views[origin.at] : undefined;
  const [first = "", second = ""] = view.by;
  return (
    <>
      <form class="ask-bar" onSubmit={(event) => event.preventDefault()}>
        <span class="joined" role="group" aria-label="Shown as">
          {Object.entries(FORMS).map(([name, form]) => <button type="button" key={name} class="btn" aria-pressed={name === view.form} onClick={() => put({ form: name as Form })}>{form.label}</button>)}
        </span>
        {of.measures[1] === 1 && <Select label="of" name="Measure" value={view.measures[0] ?? ""} options={measureOptions()} onChoose={(value) => put({ measures: [value] })} />}
        {view.form === "map" && <span class="soft">by country</span>}
        {of.by[1] > 1 && <Select label="by" name="First field" value={first} options={[...(of.by[0] === 0 ? [NOTHING] : []), ...fieldOptions()]} onChoose={(value) => put({ by: [value, ...view.by.slice(1)].filter(Boolean) })} />}
        {of.by[1] > 1 && first && <Select label="and" name="Second field" value={second} options={[...(of.by[0] < 2 ? [NOTHING] : []), ...fieldOptions(first)]} onChoose={(value) => put({ by: [first, value, ...view.by.slice(2)].filter(Boolean) })} />}
        {of.limits && <Select label="rows" name="Rows" value={String(view.limit ?? 10)} options={of.limits.map((limit) => ["", String(limit), String(limit)])} onChoose={(value) => put({ limit: Number(value) })} />}
      </form>
      {of.measures[1] > 1 && (
        <div class="columns chips">
          <span class="soft small">Columns</span>
          {view.measures.map((measure) => (
            <span class="chip locked" key={measure}>
              <span>{measureLabel(measure)}</span>
              {view.measures.length > 1 && <button type="button" class="x" aria-label={`Remove the column ${measureLabel(measure)}`} title="Remove" onClick={() => put({ measures: view.measures.filter((each) => each !== measure) })}><Icon name="x" /></button>}
            </span>
          ))}
          {view.measures.length < of.measures[1] && <Select label="" name="Add a column" value="" options={[["", "", "+ Column"], ...measureOptions().filter(([, name]) => !view.measures.includes(name))]} onChoose={(value) => value && put({ measures: [...view.measures, value] })} />}
        </div>
      )}
      <section class="found">
        <Head title={kept?.title ?? view.title} per={perWords(view)}>
          {origin && <a class="btn" href={link({ filters: [], own: { board: origin.board.id } })}>{kept ? "Leave it as it was" : `Back to ${origin.board.name}`}</a>}
          {seesAll() && may("admin") && <button type="button" class="btn solid" data-opens="save" aria-haspopup="dialog" onClick={(event) => float("save", event.currentTarget)}>{kept ? "Save the change" : "Save"}</button>}
        </Head>
        {origin && origin.board.filters.length > 0 && <p class="small faint">The filters of the board “{origin.board.name}” hold as well.</p>}
        {number(totals.answer?.rows[0], "calls") === 0 ? <Empty /> : <Shown key={view.form} view={view} also={origin?.board.filters ?? []} name={view.title} tall onOrder={(order) => put({ order })} />}
        {view.form === "time" && view.by.length > 0 && number(totals.answer?.rows[0], "calls") !== 0 && (
          <div class="totals">
            <h3>The same of the whole period</h3>
            <Wide view={{ ...view, form: "table", measures: [...new Set([...view.measures, "calls"])] }} also={origin?.board.filters ?? []} name={`${view.title}, whole period`} />
          </div>
        )}
      </section>
      <Save view={view} origin={origin} onDone={(id) => { close(); go({ filters: [], own: { board: id } }); }} />
    </>
  );
}

type Option = [group: string, value: string, label: string];
const NOTHING: Option = ["", "", "nothing"];

const GROUPS: [string, RegExp][] = [
  ["Calls", /^(calls|errors|error_rate|throttled|users|applications|cache_hit_rate)$/],
  ["Latency", /^latency_/],
  ["Backend", /^backend_latency_/],
  ["Mediation", /_mediation_latency_/],
  ["Size", /^response_bytes/],
  ["AI", /^ai_/],
];
const measureOptions = (): Option[] => GROUPS.flatMap(([group, names]) => Object.entries(MEASURES).filter(([name]) => names.test(name)).map(([name, one]): Option => [group, name, one.label]));
const fieldOptions = (not = ""): Option[] =>
  [true, false].flatMap((often) =>
    Object.entries(DIMENSIONS).filter(([name, one]) => name !== not && Boolean(one.often) === often).map(([name, one]): Option => [often ? "Often" : "All others", name, one.label]).toSorted((a, b) => a[2].localeCompare(b[2])),
  );

function Select({ label, name, value, options, onChoose }: { label: string; name: string; value: string; options: Option[]; onChoose: (value: string) => void }) {
  const shown = (list: Option[]) => list.map(([, each, words]) => <option key={each} value={each} selected={each === value}>{words}</option>);
  const groups = [...new Set(options.map(([group]) => group).filter(Boolean))];
  return (
    <label>
      {label && <span class="soft">{label}</span>}
      <select class="field" value={value} aria-label={name} onChange={(event) => onChoose(event.currentTarget.value)}>
        {shown(options.filter(([group]) => !group))}
        {groups.map((group) => <optgroup key={group} label={group}>{shown(options.filter(([each]) => each === group))}</optgroup>)}
      </select>
    </label>
  );
}
