/** What a monitor asks and expects: made, changed, and tried before it is kept. */
import { useState } from "preact/hooks";
import { failureOf, type Failure } from "../ask";
import { seesAll } from "../me";
import { Icon, Mark } from "../parts/words";
import { attempt, FRESH, idOf, keep, settingsOf, type Monitor, type Outcome, type Settings } from "./monitor";
import { lasting } from "./words";

const INTERVALS = [30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400];

interface Sent {
  name: string;
  /** null is one that is kept, and not shown. */
  value: string | null;
}

export function MonitorForm({ of, onKept, onLeft }: { of?: Monitor; onKept: (kept: Monitor) => void; onLeft?: () => void }) {
  const [settings, put] = useState<Settings>(of ? settingsOf(of) : FRESH);
  const [sent, putSent] = useState<Sent[]>(Object.entries(settings.headers).map(([name, value]) => ({ name, value })));
  const [status, putStatus] = useState(settings.status.join(", "));
  const [failure, fail] = useState<Failure | null>(null);
  const [outcome, show] = useState<Outcome | "waits" | null>(null);
  const id = of?.id ?? idOf(settings.name);
  const set = (change: Partial<Settings>) => put({ ...settings, ...change });
  const whole = (): Settings => ({
    ...settings,
    headers: Object.fromEntries(sent.filter((each) => each.name.trim()).map((each) => [each.name.trim(), each.value])),
    status: status.split(/[\s,]+/).filter(Boolean),
    ...(settings.method === "POST" ? {} : { body: "" }),
    ...(settings.method === "HEAD" ? { contains: "", lacks: "" } : {}),
  });
  const act = async <T,>(ask: () => Promise<T>, then: (found: T) => void) => {
    try {
      const found = await ask();
      fail(null);
      then(found);
    } catch (reason) {
      show(null);
      fail(failureOf(reason));
    }
  };
  const tryIt = () => {
    show("waits");
    void act(() => attempt(id || "new", whole()), show);
  };
  const text = (name: "contains" | "lacks" | "page") => (event: { currentTarget: HTMLInputElement }) => set({ [name]: event.currentTarget.value });
  const check = (name: "follow" | "verify" | "public", words: string) => (
    <label><input type="checkbox" checked={settings[name]} onChange={(event) => set({ [name]: event.currentTarget.checked })} /><span>{words}</span></label>
  );
  return (
    <form class="save monitor-form" onSubmit={(event) => { event.preventDefault(); void act(() => keep(id, whole(), of?.version ?? 0), onKept); }}>
      <div class="pair">
        <label><span>Name</span><input class="field" required maxLength={100} placeholder="Payments" value={settings.name} onInput={(event) => set({ name: event.currentTarget.value })} /></label>
        <label><span>Method</span><select class="field" value={settings.method} onChange={(event) => set({ method: event.currentTarget.value as Settings["method"] })}>{(["GET", "HEAD", "POST"] as const).map((each) => <option key={each} value={each} selected={each === settings.method}>{each}</option>)}</select></label>
        <label class="wide2"><span>URL</span><input class="field" type="url" required maxLength={2_000} placeholder="https://gateway.example.com:8243/payments/1.0/health" value={settings.url} onInput={(event) => set({ url: event.currentTarget.value })} /></label>
      </div>
      <fieldset>
        <legend>Headers: their values are kept, and never shown again</legend>
        {sent.map((each, at) => (
          <div class="header-line" key={at}>
            <input class="field" aria-label={`Name of header ${at + 1}`} placeholder="Authorization" value={each.name} readOnly={each.value === null} onInput={(event) => putSent(sent.with(at, { ...each, name: event.currentTarget.value }))} />
            <input class="field" aria-label={`Value of header ${at + 1}`} autocomplete="off" placeholder={each.value === null ? "kept; type to replace it" : "Bearer …"} value={each.value ?? ""} onInput={(event) => putSent(sent.with(at, { ...each, value: event.currentTarget.value }))} />
            <button type="button" class="btn" aria-label={`Leave out header ${at + 1}`} onClick={() => putSent(sent.toSpliced(at, 1))}><Icon name="x" /></button>
          </div>
        ))}
        <button type="button" class="btn" onClick={() => putSent([...sent, { name: "", value: "" }])}><Icon name="plus" />Header</button>
      </fieldset>
      {settings.method === "POST" && <label><span>Body: it is kept, and never shown again</span><textarea class="field mono" rows={4} placeholder={settings.body === null ? "kept; type to replace it" : "{}"} value={settings.body ?? ""} onInput={(event) => set({ body: event.currentTarget.value })} /></label>}
      <div class="thrice">
        <label><span>Expected status</span><input class="field" required placeholder="2xx, 401" value={status} onInput={(event) => putStatus(event.currentTarget.value)} /></label>
        <label><span>Its answer contains</span><input class="field" maxLength={500} disabled={settings.method === "HEAD"} placeholder="anything" value={settings.contains} onInput={text("contains")} /></label>
        <label><span>and does not contain</span><input class="field" maxLength={500} disabled={settings.method === "HEAD"} placeholder="nothing" value={settings.lacks} onInput={text("lacks")} /></label>
        <label><span>Every</span><select class="field" value={settings.interval_seconds} onChange={(event) => { const every = Number(event.currentTarget.value); set({ interval_seconds: every, limit_seconds: Math.min(settings.limit_seconds, every) }); }}>{[...new Set([...INTERVALS, settings.interval_seconds])].sort((a, b) => a - b).map((each) => <option key={each} value={each} selected={each === settings.interval_seconds}>{lasting(each)}</option>)}</select></label>
        <label><span>Time limit, seconds</span><input class="field" type="number" min={1} max={Math.min(60, settings.interval_seconds)} value={settings.limit_seconds} onInput={(event) => set({ limit_seconds: Number(event.currentTarget.value) })} /></label>
        <label><span>Retries before it is down</span><input class="field" type="number" min={0} max={10} value={settings.retries} onInput={(event) => set({ retries: Number(event.currentTarget.value) })} /></label>
      </div>
      <fieldset class="checks">
        {check("follow", "Follow redirects")}
        {check("verify", "Check the certificate")}
        {seesAll() && check("public", "Show its name, state and times on the status page, to everybody")}
      </fieldset>
      {settings.public && <label class="slug"><span>On a status page of its own</span><input class="field" maxLength={64} pattern="[a-z0-9][a-z0-9\-]*" title="Small letters, digits and hyphens" placeholder="the one at /status" value={settings.page} onInput={text("page")} /></label>}
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      {outcome !== null && <p class="tried" role="status">{outcome === "waits" ? <span class="faint">Asking …</span> : <><Mark kind={outcome.up ? "2xx" : "5xx"} />{outcome.up ? `Up: it answered ${outcome.status} in ${outcome.took_ms} ms.` : `Down after ${outcome.took_ms} ms: ${outcome.detail}`}</>}</p>}
      <p class="acts-line">
        <button class="btn edge" disabled={!id}>{of ? "Keep the change" : "Watch it"}</button>
        <button type="button" class="btn" disabled={!settings.url} onClick={tryIt}>Try it</button>
        {onLeft && <button type="button" class="btn" onClick={onLeft}>Leave it as it was</button>}
      </p>
    </form>
  );
}
