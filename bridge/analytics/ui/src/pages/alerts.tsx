/** Alerts: what is watched and how it stands, what has happened, and where it is said. */
import { useEffect, useState } from "preact/hooks";
import { address } from "../address";
import { failureOf, now, type Failure } from "../ask";
import type { Kind } from "../codes";
import { Channels } from "../alerts/channels";
import { Editor, leaveEditor, openEditor } from "../alerts/editor";
import { FRESH, listChannels, listHistory, listRules, type Channel, type Happening, type Rule, type State } from "../alerts/rules";
import { fieldLabel } from "../fields";
import { ago, dayAndClock } from "../format";
import { ManageTop, Trouble } from "../frame/top";
import { Failed, Rows } from "../parts/say";
import { Head, Icon, Mark } from "../parts/words";
import "../styles/manage.css";
import "../styles/alerts.css";

interface Known {
  rules: Rule[];
  channels: Channel[];
  mails: boolean;
  history: Happening[];
}
const NEW = "new";
const STATES: Record<State, [mark: Kind, words: string]> = { firing: ["5xx", "Fires"], failing: ["4xx", "Cannot be watched"], pending: ["4xx", "Holds, not for long yet"], ok: ["2xx", "Quiet"], waiting: ["off", "Not looked at yet"], off: ["off", "Off"] };
const ORDER: State[] = ["firing", "failing", "pending", "ok", "waiting", "off"];
const HAPPENED: Record<string, [mark: Kind, words: string]> = { fired: ["5xx", "Fired"], resolved: ["2xx", "Resolved"], failing: ["4xx", "Cannot be watched"], answered: ["2xx", "Watched again"], changed: ["off", "Changed"] };

export function Alerts() {
  const [known, put] = useState<Known | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const again = async () => {
    try {
      const [rules, { channels, mails }, history] = await Promise.all([listRules(), listChannels(), listHistory()]);
      put({ rules, channels, mails, history });
      fail(null);
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  // With the page's own rhythm: what fires shows without a reload.
  useEffect(() => void again(), [now.value]);
  const { rule: open } = address.value.own;
  const rule = known?.rules.find((each) => each.id === open) ?? null;
  const done = () => {
    leaveEditor();
    void again();
  };
  return (
    <>
      <ManageTop title="Alerts" about="What is watched, once a minute, and who is told">
        {known && known.rules.length > 0 && !open && <button class="btn solid" onClick={() => openEditor(NEW, FRESH)}><Icon name="plus" />New rule</button>}
      </ManageTop>
      <Trouble />
      <main class="page">
        {failure && !known && <Failed failure={failure} />}
        {!known && !failure && <Rows count={8} waits />}
        {known && (
          <div class="cols alerting">
            {open && (open === NEW || rule) ? (
              <section class="a-rules" key={open}>
                <Head title={rule?.name ?? "A new rule"} per={rule ? STATES[rule.state][1].toLowerCase() : "in plain words"} />
                <Editor rule={rule} draft={rule ?? FRESH} channels={known.channels} taken={known.rules.map((each) => each.id)} onDone={done} />
              </section>
            ) : (
              <section class="a-rules"><Rules rules={known.rules} /></section>
            )}
            <Channels channels={known.channels} mails={known.mails} again={again} />
            <History lines={rule ? known.history.filter((line) => line.rule === rule.id) : known.history} />
          </div>
        )}
      </main>
    </>
  );
}

function Rules({ rules }: { rules: Rule[] }) {
  if (rules.length === 0) {
    return (
      <div class="say first">
        <p>Nothing is watched yet.</p>
        <p>A rule reads like a sentence: the error rate of Orders is above 5 % in 10 minutes. It is tried on the past before you keep it.</p>
        <div class="acts-line"><button class="btn edge" onClick={() => openEditor(NEW, FRESH)}>An API that fails</button><button class="btn" onClick={() => openEditor(NEW, { ...FRESH, name: "Gateway silent", measure: "silence", by: ["instance"], wait: "0s" })}>A gateway that goes silent</button></div>
      </div>
    );
  }
  const sorted = rules.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name));
  return (
    <>
      <Head title="Rules" per="what fires comes first" />
      <table class="manage-table" aria-label="Rules">
        <thead><tr><th scope="col" class="w-state">State</th><th scope="col">Rule</th><th scope="col" class="n w-when wide">Looked at</th></tr></thead>
        <tbody>{sorted.map((rule) => <Line key={rule.id} rule={rule} />)}</tbody>
      </table>
    </>
  );
}

function Line({ rule }: { rule: Rule }) {
  const [mark, words] = STATES[rule.state];
  const held = rule.state === "pending" ? rule.pending : rule.firing;
  return (
    <tr class={rule.state === "off" ? "ended" : ""} onClick={() => openEditor(rule.id, rule)}>
      <td class="top-cell"><span class="two mid"><Mark kind={mark} late={rule.state === "failing" || rule.state === "pending"} /><span class={rule.state === "firing" ? "ink5xx" : ""}>{words}</span></span></td>
      <td class="top-cell rule-cell">
        <button class="row" onClick={(event) => { event.stopPropagation(); openEditor(rule.id, rule); }}>{rule.name}</button>
        <p class="small soft">{rule.condition}{rule.by.length > 0 && `, for each ${rule.by.map(fieldLabel).join(" and ")}`}</p>
        {rule.failure && <p class="small ink4xx">{rule.failure}</p>}
        {held.slice(0, 4).map((group, at) => <p class="small" key={at}><b>{[group.words, group.said].filter(Boolean).join(": ")}</b> <span class="faint">since {group.since && dayAndClock(Date.parse(group.since), address.value.zone)}</span></p>)}
        {held.length > 4 && <p class="small faint">and {held.length - 4} more</p>}
      </td>
      <td class="n soft wide top-cell">{rule.looked ? ago((Date.now() - Date.parse(rule.looked)) / 1000) : <span class="faint">not yet</span>}</td>
    </tr>
  );
}

function History({ lines }: { lines: Happening[] }) {
  return (
    <section class="a-history">
      <Head title="History" per="the newest first" />
      {lines.length === 0 && <p class="none">Nothing has happened yet.</p>}
      <ul class="happened">
        {lines.map((line, at) => {
          const [mark, words] = HAPPENED[line.happened] ?? ["off", line.happened];
          return (
            <li key={at}>
              <span class="soft">{dayAndClock(Date.parse(line.at), address.value.zone)}</span>
              <span><Mark kind={mark} late={line.happened === "failing"} /> {words}</span>
              <span class="cut" title={[line.name, line.words, line.said].filter(Boolean).join(": ")}>{[line.name, line.words].filter(Boolean).join(": ")}{line.said && line.happened !== "resolved" && <span class="faint"> {line.said}</span>}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
