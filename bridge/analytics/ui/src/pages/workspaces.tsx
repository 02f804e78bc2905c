/** Workspaces: what is shown to others, by which links, who has looked, and how it ends. */
import { useEffect, useState } from "preact/hooks";
import { address, link, own } from "../address";
import { failureOf, type Failure } from "../ask";
import { FORMS, titleOf, type Form } from "../explore/view";
import { fieldLabel } from "../fields";
import { filterWords, ManageTop, Trouble } from "../frame/top";
import { ago, count, dayAndClock, fullDay } from "../format";
import { label } from "../period";
import { may } from "../me";
import { Copied } from "../parts/copy";
import { Failed, Rows } from "../parts/say";
import { Head, Icon, Mark } from "../parts/words";
import { FIRST_TERMS, TermsFields } from "../share/terms";
import { list, looks, makeLink, opens, remove, revoke, snippet, type Link, type Look, type Workspace } from "../share/workspaces";
import "../styles/manage.css";

export function Workspaces() {
  const [all, put] = useState<Workspace[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const read = async () => {
    try {
      put(await list());
      fail(null);
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  useEffect(() => void read(), []);
  const { workspace } = address.value.own;
  const one = all?.find((each) => each.id === workspace);
  return (
    <>
      <ManageTop title={one ? one.name : "Workspaces"} about={one ? "" : "Views that are shown to others, by links without a login"} {...(one ? { crumb: <a class="crumb wide" href={link({ own: {} })}>Workspaces&ensp;/&ensp;</a> } : {})} />
      <Trouble />
      <main class="page managing">
        {failure && !all ? <Failed failure={failure} /> : !all ? <Rows count={8} waits /> : one ? <One key={one.id} of={one} onChange={read} /> : all.length === 0 ? <None /> : <All all={all} />}
      </main>
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
const periodOf = (of: Workspace) => label(of.from, "now", { from: 0, to: 0 }, address.value.zone);
const lastLook = (of: Workspace) => of.links.reduce<number | null>((last, each) => (each.seen !== null && each.seen > (last ?? 0) ? each.seen : last), null);
const since = (time: number | null) => (time === null ? "never" : ago((Date.now() - time) / 1000));

function All({ all }: { all: Workspace[] }) {
  const now = Date.now();
  return (
    <section>
      <table class="manage-table" aria-label="Workspaces">
        <thead><tr><th scope="col">Name</th><th scope="col" class="wide w-shows">Shows</th><th scope="col">Held to</th><th scope="col" class="wider w-period">Period</th><th scope="col" class="n w-links">Links</th><th scope="col" class="n w-links wide">Looks</th><th scope="col" class="n w-last">Last look</th></tr></thead>
        <tbody>
          {all.map((each) => {
            const open = each.links.filter((one) => opens(one, now)).length;
            return (
              <tr key={each.id} onClick={() => own("workspace", each.id, "push")}>
                <td><a class="row" href={link({ own: { workspace: each.id } })}>{each.name}</a></td>
                <td class="wide soft">{FORMS[each.view.form as Form].label}</td>
                <td class="soft">{lockWords(each).join(", ") || <span class="ink4xx">nothing</span>}</td>
                <td class="wider soft">{periodOf(each)}</td>
                <td class="n">{open === 0 ? <span class="faint">none</span> : count(open)}</td>
                <td class="n wide">{count(each.links.reduce((sum, one) => sum + one.looks, 0))}</td>
                <td class="n soft">{since(lastLook(each))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function One({ of, onChange }: { of: Workspace; onChange: () => Promise<void> }) {
  const [failure, fail] = useState<Failure | null>(null);
  const [sure, ask] = useState(false);
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
      fail(null);
      await onChange();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  const removed = () => attempt(async () => {
    await remove(of.id);
    own("workspace", undefined);
  });
  return (
    <>
      <p class="about">
        <span>{FORMS[of.view.form as Form].label}{of.view.form !== "events" && `: ${titleOf(of.view)}`}</span>
        <span>{periodOf(of)}{of.mayChangePeriod ? ", or as its viewer likes" : ""}</span>
        {of.live && <span>Live</span>}
        <span>Made {fullDay(of.made, address.value.zone)}</span>
      </p>
      <p class="chips held">
        {lockWords(of).map((words) => <span class="chip locked" key={words}><span><Icon name="lock" />{words}</span></span>)}
        {lockWords(of).length === 0 && <span class="ink4xx small">Held to nothing: the calls of everybody are in it</span>}
      </p>
      {failure && <p class="notice" role="alert"><span>{failure.error} {failure.cure}</span></p>}
      <div class="cols sharing-one">
        <Links of={of} attempt={attempt} />
        <Looks of={of} />
        <section class="a-end">
          <Head title="End it" />
          <p class="soft">All links stop at once, and this page goes. The calls stay where they are.</p>
          <p class="acts-line">
            {sure ? <><button class="btn danger" onClick={() => void removed()}>Delete “{of.name}”</button><button class="btn" onClick={() => ask(false)}>Keep it</button></> : <button class="btn edge" onClick={() => ask(true)}>Delete the workspace</button>}
          </p>
        </section>
      </div>
    </>
  );
}

function Links({ of, attempt }: { of: Workspace; attempt: (act: () => Promise<unknown>) => Promise<void> }) {
  const now = Date.now();
  const { zone } = address.value;
  return (
    <section class="a-links">
      <Head title="Links" per={`${of.links.filter((each) => opens(each, now)).length} open`} />
      {of.links.length === 0 ? <p class="none">It has no link: nobody can open it.</p> : (
        <table class="manage-table">
          <thead><tr><th scope="col" class={`w-when ${of.template.length ? "wide" : ""}`}>Made</th>{of.template.map((field) => <th scope="col" key={field}>{fieldLabel(field)}</th>)}<th scope="col">Opens</th><th scope="col" class="n w-links">Looks</th><th scope="col" class="n w-last wide">Last look</th><th scope="col" class="w-act"><span class="sr">Withdraw</span></th></tr></thead>
          <tbody>
            {of.links.map((each) => {
              const open = opens(each, now);
              return (
                <tr key={each.id} class={open ? "" : "ended"}>
                  <td class={of.template.length ? "wide" : ""}>{dayAndClock(each.made, zone)}</td>
                  {of.template.map((field) => <td key={field} class="mono">{each.values[field]}</td>)}
                  <td><Mark kind={open ? "2xx" : "off"} /> {endOf(each, now, zone)}{each.password && open && <span class="faint">, with a password</span>}</td>
                  <td class="n">{count(each.looks)}</td>
                  <td class="n wide soft">{since(each.seen)}</td>
                  <td class="n">{open && <button class="btn small" onClick={() => void attempt(() => revoke(of.id, each.id))}>Withdraw</button>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      <Another of={of} attempt={attempt} />
    </section>
  );
}

function endOf(of: Link, now: number, zone: string): string {
  if (of.revoked) return "withdrawn";
  if (of.expires === null) return "until it is withdrawn";
  return of.expires <= now ? `ended ${fullDay(of.expires, zone)}` : `until ${fullDay(of.expires, zone)}`;
}

function Another({ of, attempt }: { of: Workspace; attempt: (act: () => Promise<unknown>) => Promise<void> }) {
  const [terms, agree] = useState(FIRST_TERMS);
  const [made, put] = useState<Link | null>(null);
  const value = (field: string) => terms.values[field] ?? "";
  const whole = of.template.every((field) => value(field).trim());
  const add = () => attempt(async () => {
    put(await makeLink(of.id, terms));
    agree(FIRST_TERMS);
  });
  if (!may("create:public_workspaces") && !may("create:workspaces")) return null;
  return (
    <form class="save another" onSubmit={(event) => { event.preventDefault(); void add(); }}>
      <h3>Another link</h3>
      <div class="pair">
        {of.template.map((field) => <label key={field}><span>{fieldLabel(field)} that its calls are of</span><input class="field" required value={value(field)} onInput={(event) => agree({ ...terms, values: { ...terms.values, [field]: event.currentTarget.value } })} /></label>)}
        <TermsFields terms={terms} onChange={agree} />
        <p class="end"><button class="btn edge" disabled={!whole}>Create link</button></p>
      </div>
      {made?.url && (
        <div class="fresh-link">
          <p class="small soft"><Icon name="check" />It is shown now and not again.</p>
          <label><span>Link</span><Copied text={made.url} label="Link" /></label>
          <label><span>In a page of yours</span><Copied text={snippet(made.url + (made.url.includes("?") ? "&" : "?") + "embed=true", of.name)} label="Code for a page" lines={3} /></label>
        </div>
      )}
    </form>
  );
}

function Looks({ of }: { of: Workspace }) {
  const [found, put] = useState<Look[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => void looks(of.id).then(put, (reason: unknown) => fail(failureOf(reason))), [of.id]);
  const { zone } = address.value;
  return (
    <section class="a-looks">
      <Head title="Who has looked" per="newest first" />
      {failure ? <Failed failure={failure} /> : !found ? <Rows count={5} waits /> : found.length === 0 ? <p class="none">Nobody yet.</p> : (
        <table class="manage-table">
          <thead><tr><th scope="col" class="w-when">When</th><th scope="col">From</th><th scope="col" class="wide">With</th></tr></thead>
          <tbody>{found.map((each, at) => <tr key={at}><td>{dayAndClock(each.time, zone)}</td><td class="mono">{each.address ?? "–"}</td><td class="wide soft">{each.agent ?? "–"}</td></tr>)}</tbody>
        </table>
      )}
    </section>
  );
}
