/** Workspaces: what is shown to others, by which links, who has looked, and how it ends. */
import { useEffect, useState } from "preact/hooks";
import { address, link, own } from "../address";
import { failureOf, type Failure } from "../ask";
import { FORMS, titleOf, type Form } from "../explore/view";
import { fieldLabel } from "../fields";
import { filterWords, ManageTop, Trouble } from "../frame/top";
import { count, dayAndClock, fullDay } from "../format";
import { may } from "../me";
import { label } from "../period";
import { CopyButton, Copied } from "../parts/copy";
import { Failed, Rows } from "../parts/say";
import { Head, Icon, Mark } from "../parts/words";
import { Ends } from "../share/terms";
import { get, list, looks, makeLink, opens, prolong, remove, revoke, snippet, type Link, type Look, type Workspace } from "../share/workspaces";
import "../styles/manage.css";

/** What is asked for once, and again when it is changed. */
function useAsked<T>(ask: () => Promise<T>, key: string): { found: T | null; failure: Failure | null; again: () => Promise<void> } {
  const [found, put] = useState<T | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const again = async () => {
    try {
      put(await ask());
      fail(null);
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  useEffect(() => {
    put(null);
    void again();
  }, [key]);
  return { found, failure, again };
}

export function Workspaces() {
  const { workspace } = address.value.own;
  return workspace ? <One key={workspace} id={workspace} /> : <All />;
}

function All() {
  const { found, failure } = useAsked(list, "");
  return (
    <>
      <ManageTop title="Workspaces" about="Views that are shown to others, by links without a login" />
      <Trouble />
      <main class="page managing">{failure && !found ? <Failed failure={failure} /> : !found ? <Rows count={8} waits /> : found.length === 0 ? <None /> : <Listed all={found} />}</main>
    </>
  );
}

function None() {
  return (
    <div class="say first">
      <p>Nothing is shown to anybody yet.</p>
      <p>Open what a customer should see: their calls in Events, an application or user in Consumers, an API, or a question in Explore. <b>Share</b> there makes a link to just that.</p>
      <div class="acts-line"><a class="btn edge" href={link({ page: "consumers", own: {} })}>Consumers</a><a class="btn" href={link({ page: "explore", own: {} })}>Ask a question</a></div>
    </div>
  );
}

const lockWords = (of: Workspace) => [...of.locked.map((filter) => `${fieldLabel(filter.field)} ${filterWords(filter).verb} ${filterWords(filter).value}`), ...of.template.map((field) => `${fieldLabel(field)} of each link`)];
const periodOf = (of: Workspace) => label(of.from, of.to, { from: 0, to: 0 }, address.value.zone);

function Listed({ all }: { all: Workspace[] }) {
  const now = Date.now();
  const { zone } = address.value;
  return (
    <section>
      <table class="manage-table" aria-label="Workspaces">
        <thead><tr><th scope="col">Name</th><th scope="col" class="wide w-shows">Shows</th><th scope="col">Held to</th><th scope="col" class="wider w-period">Period</th><th scope="col" class="w-period wide">Opens</th><th scope="col" class="n w-links">Looks</th><th scope="col" class="n w-date wide">Made</th></tr></thead>
        <tbody>
          {all.map((each) => (
            <tr key={each.id} class={opens(each, now) ? "" : "ended"} onClick={() => own("workspace", each.id, "push")}>
              <td><a class="row" href={link({ own: { workspace: each.id } })}>{each.name}</a></td>
              <td class="wide soft">{FORMS[each.view.form as Form].label}</td>
              <td class="soft">{lockWords(each).join(", ") || <span class="ink4xx">nothing</span>}</td>
              <td class="wider soft">{periodOf(each)}</td>
              <td class="soft wide">{endWords(each, now, zone)}</td>
              <td class="n">{count(each.looks)}</td>
              <td class="n wide soft">{fullDay(each.made, zone)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function endWords(of: { expires: number | null }, now: number, zone: string): string {
  if (of.expires === null) return "until taken back";
  return of.expires <= now ? `ended ${fullDay(of.expires, zone)}` : `until ${fullDay(of.expires, zone)}`;
}

function One({ id }: { id: string }) {
  const { found: of, failure, again } = useAsked(() => get(id), id);
  return (
    <>
      <ManageTop title={of?.name ?? "Workspace"} crumb={<a class="crumb wide" href={link({ own: {} })}>Workspaces&ensp;/&ensp;</a>}>
        {of && <a class="btn" href={link({ own: {} })}>All workspaces</a>}
      </ManageTop>
      <Trouble />
      <main class="page managing">{of ? <Parts of={of} again={again} /> : failure ? <Failed failure={failure} /> : <Rows count={8} waits />}</main>
    </>
  );
}

type Attempt = (act: () => Promise<unknown>) => Promise<void>;

function Parts({ of, again }: { of: Workspace; again: () => Promise<void> }) {
  const [failure, fail] = useState<Failure | null>(null);
  const { zone } = address.value;
  const attempt: Attempt = async (act) => {
    try {
      await act();
      fail(null);
      await again();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  return (
    <>
      <p class="about">
        <span>{FORMS[of.view.form as Form].label}{of.view.form !== "events" && `: ${titleOf(of.view)}`}</span>
        <span>{periodOf(of)}{of.mayChangePeriod ? ", or as its viewer likes" : ""}</span>
        {of.live && <span>Live</span>}
        {of.password && <span>With a password</span>}
        <span>{of.whole ? "Every field" : "No names or addresses but the viewer’s own"}</span>
        <span>Made {fullDay(of.made, zone)}{of.madeBy && ` by ${of.madeBy}`}</span>
      </p>
      <p class="chips held">
        {lockWords(of).map((words) => <span class="chip locked" key={words}><span><Icon name="lock" />{words}</span></span>)}
        {lockWords(of).length === 0 && <span class="ink4xx small">Held to nothing: the calls of everybody are in it</span>}
      </p>
      {failure && <p class="notice" role="alert"><span>{failure.error} {failure.cure}</span></p>}
      <div class="cols sharing-one">
        <Links of={of} attempt={attempt} />
        <Looks of={of} />
        <End of={of} attempt={attempt} />
      </div>
    </>
  );
}

function Links({ of, attempt }: { of: Workspace; attempt: Attempt }) {
  const [sure, ask] = useState<string | null>(null);
  const now = Date.now();
  const { zone } = address.value;
  const public_ = may("create:public_workspaces");
  return (
    <section class="a-links">
      <Head title="Links" per={opens(of, now) ? `${of.links.filter((each) => opens(each, now)).length} open` : "the workspace has ended, and they with it"} />
      {of.links.length === 0 ? <p class="none">It has no link: nobody can open it.</p> : (
        <table class="manage-table">
          <thead><tr>{of.template.map((field) => <th scope="col" key={field}>{fieldLabel(field)}</th>)}<th scope="col" class="w-when wide">Made</th><th scope="col">Opens</th><th scope="col" class="w-acts"><span class="sr">Copy, open, take back</span></th></tr></thead>
          <tbody>
            {of.links.map((each) => (
              <tr key={each.id} class={opens(each, now) && opens(of, now) ? "" : "ended"}>
                {of.template.map((field) => <td key={field} class="mono">{each.values[field]}</td>)}
                <td class="wide">{dayAndClock(each.made, zone)}</td>
                <td><Mark kind={opens(each, now) && opens(of, now) ? "2xx" : "off"} /> {endWords(each, now, zone)}</td>
                <td class="n acting">
                  <CopyButton text={each.url} words="Copy the link" small />
                  <a class="btn" href={each.url} target="_blank" rel="noreferrer">Open</a>
                  {sure === each.id ? <button class="btn danger" onClick={() => void attempt(() => revoke(of.id, each.id))} onBlur={() => ask(null)}>Take it back</button> : <button class="btn" onClick={() => ask(each.id)}>Take back</button>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {public_ && <Another of={of} attempt={attempt} />}
    </section>
  );
}

function Another({ of, attempt }: { of: Workspace; attempt: Attempt }) {
  const [expires, end] = useState("");
  const [values, fill] = useState<Record<string, string>>({});
  const [made, put] = useState<Link | null>(null);
  const add = () => attempt(async () => {
    put(await makeLink(of.id, expires, values));
    fill({});
  });
  return (
    <form class="save another" onSubmit={(event) => { event.preventDefault(); void add(); }}>
      <h3>Another link</h3>
      <div class="pair">
        {of.template.map((field) => <label key={field}><span>{fieldLabel(field)} whose calls it shows</span><input class="field" required value={values[field] ?? ""} onInput={(event) => fill({ ...values, [field]: event.currentTarget.value })} /></label>)}
        <Ends label="It ends" value={expires} onChange={end} />
        <p class="end"><button class="btn edge">Create link</button></p>
      </div>
      {made && (
        <div class="fresh-link">
          <label><span><Icon name="check" />Link</span><Copied text={made.url} label="Link" /></label>
          <label><span>In a page of yours, if <code>frame_ancestors</code> names it</span><Copied text={snippet(made.url, of.name)} label="Code for a page" lines={3} /></label>
        </div>
      )}
    </form>
  );
}

function Looks({ of }: { of: Workspace }) {
  const { found, failure } = useAsked<Look[]>(() => looks(of.id), of.id);
  const { zone } = address.value;
  return (
    <section class="a-looks">
      <Head title="Who has looked" per="newest first" />
      {failure ? <Failed failure={failure} /> : !found ? <Rows count={5} waits /> : found.length === 0 ? <p class="none">Nobody yet.</p> : (
        <table class="manage-table">
          <thead><tr><th scope="col" class="w-when">When</th>{of.template.map((field) => <th scope="col" key={field}>{fieldLabel(field)}</th>)}<th scope="col">From</th></tr></thead>
          <tbody>{found.map((each, at) => <tr key={at}><td>{dayAndClock(each.time, zone)}</td>{of.template.map((field) => <td key={field} class="mono">{each.values[field] ?? "–"}</td>)}<td class="mono soft">{each.address || "–"}</td></tr>)}</tbody>
        </table>
      )}
    </section>
  );
}

function End({ of, attempt }: { of: Workspace; attempt: Attempt }) {
  const [sure, ask] = useState(false);
  const [after, put] = useState("30d");
  const { zone } = address.value;
  const [failure, fail] = useState<Failure | null>(null);
  const removed = () => remove(of.id).then(() => own("workspace", undefined), (reason: unknown) => fail(failureOf(reason)));
  return (
    <section class="a-end">
      <Head title="Its end" per={endWords(of, Date.now(), zone)} />
      <form class="save ending" onSubmit={(event) => { event.preventDefault(); void attempt(() => prolong(of, after)); }}>
        <div class="pair"><Ends label="From now on it ends" value={after} onChange={put} /><p class="end"><button class="btn edge">Set</button></p></div>
      </form>
      <p class="soft">Deleted, all its links stop at once. The calls stay where they are.</p>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p class="acts-line">
        {sure ? <><button class="btn danger" onClick={() => void removed()}>Delete “{of.name}”</button><button class="btn" onClick={() => ask(false)}>Keep it</button></> : <button class="btn edge" onClick={() => ask(true)}>Delete the workspace</button>}
      </p>
    </section>
  );
}
