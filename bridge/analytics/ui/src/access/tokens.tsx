/** Tokens: who may call and do what; made here, shown once, taken away. */
import { useEffect, useState } from "preact/hooks";
import { address } from "../address";
import { failureOf, request, type Failure } from "../ask";
import { ago, fullDay } from "../format";
import type { Scope } from "../me";
import { Copied } from "../parts/copy";
import { Failed, Rows } from "../parts/say";
import { Head, Icon } from "../parts/words";

interface Token {
  id: string | null;
  name: string;
  scopes: Scope[];
  perMinute: number | null;
  made: number | null;
  expires: number | null;
  used: number | null;
  /** It stands in the configuration, and is taken away there. */
  configured: boolean;
}
interface Wire {
  id?: string;
  name: string;
  scopes: Scope[];
  per_minute?: number | null;
  made?: string | null;
  expires?: string | null;
  used?: string | null;
  configured?: boolean;
}

const time = (text: string | null | undefined) => (text ? Date.parse(text) : null);
const read = ({ id, name, scopes, per_minute, made, expires, used, configured = false }: Wire): Token => ({ id: id ?? null, name, scopes, perMinute: per_minute ?? null, made: time(made), expires: time(expires), used: time(used), configured });

export const SCOPES: [scope: Scope, words: string][] = [
  ["read:data", "Ask for figures"],
  ["read:events", "See single events"],
  ["ingest", "Send events in, as a bridge"],
  ["create:workspaces", "Make workspaces and embedded views"],
  ["create:public_workspaces", "Make public links of workspaces"],
  ["delete:users", "Delete data for good"],
  ["admin", "Everything"],
];
const WORDS = new Map<Scope, string>(SCOPES);
const LASTS: [after: string, words: string][] = [["", "Never"], ["1d", "After a day"], ["30d", "After 30 days"], ["90d", "After 90 days"], ["365d", "After a year"]];

export function Tokens() {
  const [tokens, put] = useState<Token[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [sure, ask] = useState<string | null>(null);
  const readAll = async () => {
    try {
      put(((await (await request("api/tokens")).json()) as { tokens: Wire[] }).tokens.map(read));
      fail(null);
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  useEffect(() => void readAll(), []);
  const revoke = async (id: string) => {
    try {
      await request(`api/tokens/${encodeURIComponent(id)}`, { method: "DELETE", headers: { "Content-Type": "application/json" } });
      ask(null);
      await readAll();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  const { zone } = address.value;
  const now = Date.now();
  return (
    <section class="a-tokens">
      <Head title="Tokens" per="each kept as a hash: nobody can read one again" />
      {failure && <Failed failure={failure} />}
      {!tokens && !failure && <Rows count={4} waits />}
      {tokens && tokens.length === 0 && <p class="none">None: only this machine may call. With the first one made here that stays so; with <code>public_url</code> or a token in the configuration everybody needs one.</p>}
      {tokens && tokens.length > 0 && (
        <table class="manage-table" aria-label="Tokens">
          <thead><tr><th scope="col">Name</th><th scope="col">May</th><th scope="col" class="w-date wide">Last used</th><th scope="col" class="w-date wide">Ends</th><th scope="col" class="w-act"><span class="sr">Revoke</span></th></tr></thead>
          <tbody>
            {tokens.map((token) => (
              <tr key={token.id ?? token.name} class={token.expires !== null && token.expires <= now ? "ended" : ""}>
                <td class="mono" title={token.made === null ? `${token.name}, in the configuration` : `${token.name}, made ${fullDay(token.made, zone)}`}>{token.name}</td>
                <td class="soft may" title={token.scopes.map((scope) => WORDS.get(scope) ?? scope).join("\n")}>{token.scopes.join(", ")}{token.perMinute !== null && <span class="faint">, {token.perMinute} a minute</span>}</td>
                <td class="wide soft">{token.configured ? <span class="faint">in the configuration</span> : token.used === null ? <span class="faint">never</span> : ago((now - token.used) / 1000)}</td>
                <td class="wide soft">{token.expires === null ? <span class="faint">–</span> : token.expires <= now ? `ended ${fullDay(token.expires, zone)}` : fullDay(token.expires, zone)}</td>
                <td class="n">{token.id !== null && !token.configured && (sure === token.id
                  ? <button class="btn danger" onClick={() => void revoke(token.id ?? "")} onBlur={() => ask(null)}>Revoke it</button>
                  : <button class="btn" aria-label={`Revoke ${token.name}`} onClick={() => ask(token.id)}>Revoke</button>)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <NewToken onMade={readAll} />
    </section>
  );
}

function NewToken({ onMade }: { onMade: () => Promise<void> }) {
  const [name, call] = useState("");
  const [scopes, choose] = useState<Scope[]>(["read:data"]);
  const [expires, last] = useState("90d");
  const [perMinute, limit] = useState("");
  const [failure, fail] = useState<Failure | null>(null);
  const [made, put] = useState<{ name: string; token: string } | null>(null);
  const make = async () => {
    try {
      const body = { name: name.trim(), scopes, ...(expires ? { expires } : {}), ...(perMinute ? { per_minute: Number(perMinute) } : {}) };
      const { token } = (await (await request("api/tokens", { method: "POST", body: JSON.stringify(body) })).json()) as { token: string };
      put({ name: body.name, token });
      fail(null);
      call("");
      await onMade();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  const every = scopes.includes("admin");
  return (
    <form class="save another" onSubmit={(event) => { event.preventDefault(); void make(); }}>
      <h3>A new token</h3>
      <div class="thrice">
        <label><span>Name</span><input class="field" required maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" title="Letters, digits, dots, hyphens and underscores" placeholder="nightly-export" value={name} onInput={(event) => call(event.currentTarget.value)} /></label>
        <label><span>Ends</span><select class="field" value={expires} onChange={(event) => last(event.currentTarget.value)}>{LASTS.map(([after, words]) => <option key={after} value={after} selected={after === expires}>{words}</option>)}</select></label>
        <label><span>Requests a minute</span><input class="field" type="number" min="1" max="1000000" placeholder="Any number" value={perMinute} onInput={(event) => limit(event.currentTarget.value)} /></label>
      </div>
      <fieldset class="checks two-wide">
        <legend>What it may do</legend>
        {SCOPES.map(([scope, words]) => (
          <label key={scope}><input type="checkbox" checked={scopes.includes(scope) || every} disabled={every && scope !== "admin"} onChange={(event) => choose(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} /><span>{words} <code class="faint">{scope}</code></span></label>
        ))}
      </fieldset>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p><button class="btn edge" disabled={scopes.length === 0}>Create token</button></p>
      {made && (
        <div class="fresh-link">
          <p class="small soft"><Icon name="check" />{made.name}: copy it now. It is shown once, and nobody can ask for it again.</p>
          <Copied text={made.token} label="Token" />
        </div>
      )}
    </form>
  );
}
