/** Share: what is seen here becomes a workspace with a link, for somebody who has no token. */
import { useEffect, useState } from "preact/hooks";
import { address, link, type Filter } from "../address";
import { failureOf, span, type Failure } from "../ask";
import { FORMS, type Form } from "../explore/view";
import { fieldLabel } from "../fields";
import { filterWords } from "../frame/top";
import { CHOICES, label } from "../period";
import { close, Dialog, floating } from "../parts/dialog";
import { Copied } from "../parts/copy";
import { Icon } from "../parts/words";
import "../styles/manage.css";
import { Ends } from "./terms";
import { CONSUMERS } from "./can";
import { offerOf } from "./what";
import { make, snippet, type Workspace } from "./workspaces";

/** Periods that a link may have: relative ones, which go on with time. */
const PERIODS = CHOICES.filter(({ from }) => /^-\d/.test(from));

export function Share() {
  const open = floating.value === "share";
  if (!open) return null;
  return <Dialog what="share" label="Share this view" centred class="w-560 sharing"><Ask /></Dialog>;
}

const said = (filter: Filter) => `${fieldLabel(filter.field)} ${filterWords(filter).verb} ${filterWords(filter).value}`;

function Ask() {
  const [offer] = useState(() => offerOf(address.value));
  const { from, to, zone } = address.value;
  const [name, call] = useState(offer.name);
  const [at, choose] = useState(0);
  const [period, last] = useState(to === "now" && PERIODS.some((each) => each.from === from) ? from : "-7d");
  const [may, allow] = useState(true);
  const [live, let_] = useState(false);
  const [whole, show] = useState(false);
  const [each, spread] = useState(false);
  const [expires, end] = useState("30d");
  const [password, lock] = useState("");
  const [failure, fail] = useState<Failure | null>(null);
  const [busy, wait] = useState(false);
  const [made, put] = useState<Workspace | null>(null);
  const view = offer.views[at] ?? offer.views[0];
  const who = offer.locked.find(({ field, op, values }) => CONSUMERS.includes(field) && op === "is" && values.length === 1 && values[0] !== null);
  const template = each && who ? [who.field] : [];
  useEffect(() => fail(null), [name, at, password]);
  if (!view) return null;
  const share = async () => {
    wait(true);
    try {
      const locked = offer.locked.filter((filter) => !template.includes(filter.field));
      put(await make({ name: name.trim() || offer.name, view, locked, template, from: period, zone, mayChangePeriod: may, live, whole, expires, password }, template.length && who ? { [who.field]: who.values[0] ?? "" } : {}));
    } catch (reason) {
      fail(failureOf(reason));
    }
    wait(false);
  };
  if (made) return <Made made={made} />;
  return (
    <form class="save" onSubmit={(event) => { event.preventDefault(); void share(); }}>
      <h2>Share this view</h2>
      <p class="small soft">Whoever has the link sees this view without a login, and nothing beside it.</p>
      <div class="held">
        <span class="small faint">Held to</span>
        {offer.locked.map((filter) => <span class="chip locked" key={said(filter)}><span><Icon name="lock" />{fieldLabel(filter.field)} {filterWords(filter).verb} <b>{filterWords(filter).value}</b></span></span>)}
        {offer.locked.length === 0 && <span class="ink4xx small">nothing: the calls of everybody are counted in it. Set a filter first, such as a user or an application, to show one customer’s calls alone.</span>}
      </div>
      <div class="pair">
        <label class="wide2"><span>Name, as its viewers read it</span><input class="field" autofocus value={name} maxLength={100} onInput={(event) => call(event.currentTarget.value)} /></label>
        {offer.views.length > 1 && (
          <label class="wide2"><span>What it shows</span>
            <select class="field" value={String(at)} onChange={(event) => choose(Number(event.currentTarget.value))}>
              {offer.views.map((each, place) => <option key={each.title + each.form} value={String(place)} selected={place === at}>{each.form === "events" ? "Each call, newest first" : `${each.title}: ${FORMS[each.form as Form].label.toLowerCase()}`}</option>)}
            </select>
          </label>
        )}
        <label><span>Period</span>
          <select class="field" value={period} onChange={(event) => last(event.currentTarget.value)}>
            {PERIODS.map((each) => <option key={each.from} value={each.from} selected={each.from === period}>{label(each.from, "now", span.value, zone)}</option>)}
          </select>
        </label>
        <Ends label="It ends" value={expires} onChange={end} />
        <label><span>Password, of 8 letters or more</span><input class="field" type="text" autocomplete="off" spellcheck={false} minLength={8} maxLength={200} placeholder="None" value={password} onInput={(event) => lock(event.currentTarget.value)} /></label>
      </div>
      <div class="checks">
        {who && <label><input type="checkbox" checked={each} onChange={(event) => spread(event.currentTarget.checked)} /><span>Each further link names its own {fieldLabel(who.field).toLowerCase()}: one workspace for many</span></label>}
        <label><input type="checkbox" checked={may} onChange={(event) => allow(event.currentTarget.checked)} />Viewers may choose another period</label>
        <label><input type="checkbox" checked={live} onChange={(event) => let_(event.currentTarget.checked)} />New calls are shown as they come</label>
        <label><input type="checkbox" checked={whole} onChange={(event) => show(event.currentTarget.checked)} /><span>Every field, also what names people: users, applications, addresses, headers</span></label>
      </div>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p class="foot"><span class="small faint">It can be taken back at any time</span><button type="button" class="btn push" onClick={close}>Cancel</button><button class="btn solid" disabled={busy}>Create link</button></p>
    </form>
  );
}

function Made({ made }: { made: Workspace }) {
  const url = made.links[0]?.url ?? "";
  return (
    <div class="save">
      <h2><Icon name="check" />The link is made</h2>
      <p class="small soft">Whoever has it sees “{made.name}”{made.password ? " with the password" : ""}. Workspaces has it again, says who has looked, and takes it back.</p>
      <label><span>Link</span><Copied text={url} label="Link" /></label>
      <label><span>In a page of yours, if <code>frame_ancestors</code> names it</span><Copied text={snippet(url, made.name)} label="Code for a page" lines={3} /></label>
      <p class="foot">
        <a class="btn" href={link({ page: "workspaces", filters: [], own: { workspace: made.id } })} onClick={close}>All its links</a>
        <a class="btn push" href={url} target="_blank" rel="noreferrer">Open</a>
        <button type="button" class="btn solid" onClick={close}>Done</button>
      </p>
    </div>
  );
}
