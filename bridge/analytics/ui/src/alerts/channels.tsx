/** Channels: where alerts are said; what is secret can be written, and is not shown. */
import { useState } from "preact/hooks";
import { failureOf, type Failure } from "../ask";
import { Copied } from "../parts/copy";
import { Head, Mark } from "../parts/words";
import { freshSecret, idOf, keepChannel, removeChannel, tryChannel, type Channel } from "./rules";

const KINDS: [kind: Channel["kind"], words: string][] = [["webhook", "Signed webhook"], ["slack", "Slack"], ["teams", "Teams"], ["mail", "Mail"]];

export function Channels({ channels, mails, again }: { channels: Channel[]; mails: boolean; again: () => Promise<void> }) {
  const [said, say] = useState<Record<string, string>>({});
  const attempt = async (id: string, act: () => Promise<string>) => {
    say({ ...said, [id]: "…" });
    try {
      say({ ...said, [id]: await act() });
    } catch (reason) {
      const { error, cure } = failureOf(reason);
      say({ ...said, [id]: [error, cure].filter(Boolean).join(" ") });
    }
    await again();
  };
  return (
    <section class="a-channels">
      <Head title="Channels" per="where alerts are said" />
      {channels.length === 0 && <p class="none">None yet: alerts are shown here alone.</p>}
      <ul class="channels">
        {channels.map((channel) => (
          <li key={channel.id}>
            <p><Mark kind={channel.last?.outcome === "failed" ? "5xx" : channel.waiting > 0 ? "4xx" : "2xx"} /><b>{channel.name}</b><span class="faint cut">{channel.kind}, {channel.host ?? channel.to?.join(", ")}</span>
              <span class="push acting">
                <button class="btn" onClick={() => void attempt(channel.id, async () => { const { outcome, said: why } = await tryChannel(channel.id); return outcome === "sent" ? `A test was sent${why ? `, but ${why}` : ""}.` : `The test failed: ${why}`; })}>Send a test</button>
                {channel.rules.length === 0 && <button class="btn" onClick={() => void attempt(channel.id, async () => { await removeChannel(channel.id); return ""; })}>Remove</button>}
              </span>
            </p>
            {said[channel.id] && <p class="small soft" role="status">{said[channel.id]}</p>}
            {!said[channel.id] && channel.last?.outcome === "failed" && <p class="small ink5xx">The last message was given up: {channel.last.said}</p>}
            {!said[channel.id] && channel.last?.outcome === "sent" && channel.last.said && <p class="small ink5xx">The last message was sent, but {channel.last.said}</p>}
            {channel.waiting > 0 && <p class="small ink4xx">{channel.waiting === 1 ? "One message waits" : `${channel.waiting} messages wait`} to be taken.</p>}
          </li>
        ))}
      </ul>
      <NewChannel taken={channels.map((each) => each.id)} mails={mails} onMade={again} />
    </section>
  );
}

function NewChannel({ taken, mails, onMade }: { taken: string[]; mails: boolean; onMade: () => Promise<void> }) {
  const [name, call] = useState("");
  const [kind, choose] = useState<Channel["kind"]>("webhook");
  const [where, put] = useState("");
  const [failure, fail] = useState<Failure | null>(null);
  const [made, show] = useState<{ name: string; secret: string } | null>(null);
  const make = async () => {
    const secret = freshSecret();
    const target = kind === "mail" ? { to: where.split(/[\s,;]+/).filter(Boolean) } : { url: where.trim(), ...(kind === "webhook" ? { secret } : {}) };
    try {
      await keepChannel(idOf(name, taken), { name: name.trim(), kind, ...target });
      show(kind === "webhook" ? { name, secret } : null);
      fail(null);
      call("");
      put("");
      await onMade();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  return (
    <form class="save another" onSubmit={(event) => { event.preventDefault(); void make(); }}>
      <h3>A new channel</h3>
      <div class="pair">
        <label><span>Name</span><input class="field" required maxLength={100} placeholder="On call" value={name} onInput={(event) => call(event.currentTarget.value)} /></label>
        <label><span>Kind</span><select class="field" value={kind} onChange={(event) => choose(event.currentTarget.value as Channel["kind"])}>{KINDS.map(([each, words]) => <option key={each} value={each} selected={each === kind} disabled={each === "mail" && !mails}>{words}{each === "mail" && !mails ? " (no mail server is set)" : ""}</option>)}</select></label>
        <label class="wide2"><span>{kind === "mail" ? "Addresses" : "URL"}</span><input class="field" required placeholder={kind === "mail" ? "oncall@example.com" : kind === "slack" ? "https://hooks.slack.com/services/…" : "https://…"} value={where} autocomplete="off" onInput={(event) => put(event.currentTarget.value)} /></label>
      </div>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p><button class="btn edge">Make the channel</button></p>
      {made && (
        <div class="fresh-link">
          <p class="small soft">What {made.name} is signed with: give it to the receiver now. It is shown once.</p>
          <Copied text={made.secret} label="Secret" />
        </div>
      )}
    </form>
  );
}
