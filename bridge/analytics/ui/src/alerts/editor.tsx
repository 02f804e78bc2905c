/** The editor of a rule, as a sentence that is filled in: what, of which calls, over how long, and who is told. */
import { useState } from "preact/hooks";
import { address, go } from "../address";
import { failureOf, type Failure } from "../ask";
import { DIMENSIONS, MEASURES } from "../fields";
import { Chip, editing } from "../frame/top";
import { float } from "../parts/dialog";
import { Icon } from "../parts/words";
import { idOf, keepRule, removeRule, WINDOWS, type Channel, type Draft, type Rule } from "./rules";
import { Trying } from "./trial";

const OFTEN = ["error_rate", "errors", "calls", "throttled", "latency_p95", "latency_p50", "backend_latency_p95", "users", "ai_total_tokens", "response_bytes"];
/** Neither whose values are personal, nor what no single one is watched of. */
const NOT_BY = new Set(["user", "ip", "user_agent", "application_owner", "api_creator", "correlation_id", "hour", "weekday"]);
const COUNTS = new Set(["calls", "errors", "throttled", "ai_total_tokens", "ai_prompt_tokens", "ai_completion_tokens", "response_bytes"]);
const WAITS = ["0s", "2m", "5m", "10m", "30m", "1h"];
const QUIETS = ["30m", "1h", "4h", "12h", "24h"];
const words = (duration: string) => duration.replace(/^0s?$/, "at once").replace(/(\d+)m$/, "$1 minutes").replace(/^1h$/, "1 hour").replace(/(\d+)h$/, "$1 hours");

interface EditorProps {
  rule: Rule | null;
  draft: Draft;
  channels: Channel[];
  taken: string[];
  onDone: () => void;
}

export function Editor({ rule, draft: first, channels, taken, onDone }: EditorProps) {
  const [held, put] = useState<Draft>(first);
  const [failure, fail] = useState<Failure | null>(null);
  const [sure, ask] = useState(false);
  const draft = { ...held, filters: address.value.filters };
  const set = (change: Partial<Draft>) => put({ ...held, ...change });
  const silent = draft.measure === "silence";
  const share = MEASURES[draft.measure]?.unit === "%" || draft.against;
  const unit = draft.against ? "%" : ({ "%": "%", ms: "ms", bytes: "bytes", tokens: "tokens", "": "" } as const)[MEASURES[draft.measure]?.unit ?? ""];
  const value = draft.above ?? draft.below ?? 0;
  const limit = (text: string, above: boolean) => {
    const number = Number(text) / (share ? 100 : 1);
    set(above ? { above: number, below: null } : { above: null, below: number });
  };
  const shown = String(Math.round(value * (share ? 100 : 1) * 1e6) / 1e6);
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
      onDone();
    } catch (reason) {
      fail(failureOf(reason));
    }
  };
  const save = () => attempt(() => keepRule(rule?.id ?? idOf(draft.name, taken), rule?.version ?? 0, draft));
  return (
    <form class="save rule-editor" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <label class="rule-name"><span>Name</span><input class="field" required maxLength={100} autofocus={!rule} placeholder="Orders fails" value={draft.name} onInput={(event) => set({ name: event.currentTarget.value })} /></label>
      <fieldset>
        <legend>Tell me when</legend>
        <p class="sentence">
          <select class="field" aria-label="What is watched" value={draft.measure} onChange={(event) => set({ measure: event.currentTarget.value, perMinute: false, ...(event.currentTarget.value === "silence" ? { wait: "0s" } : {}) })}>
            <optgroup label="Often">
              <option value="silence" selected={silent}>there is no call</option>
              {OFTEN.map((name) => <option key={name} value={name} selected={name === draft.measure}>{MEASURES[name]?.label}</option>)}
            </optgroup>
            <optgroup label="All others">{Object.entries(MEASURES).filter(([name]) => !OFTEN.includes(name)).map(([name, one]) => <option key={name} value={name} selected={name === draft.measure}>{one.label}</option>)}</optgroup>
          </select>
          {!silent && (
            <>
              {COUNTS.has(draft.measure) && !draft.against && <select class="field" aria-label="In all or a minute" value={draft.perMinute ? "minute" : "all"} onChange={(event) => set({ perMinute: event.currentTarget.value === "minute" })}><option value="all" selected={!draft.perMinute}>in all</option><option value="minute" selected={draft.perMinute}>a minute</option></select>}
              <select class="field" aria-label="Compared with" value={draft.against ? "week" : "limit"} onChange={(event) => set(event.currentTarget.value === "week" ? { against: true, above: null, below: -0.5 } : { against: false, above: draft.measure === "error_rate" ? 0.05 : 100, below: null })}><option value="limit" selected={!draft.against}>is</option><option value="week" selected={draft.against}>against the week before is</option></select>
              <select class="field" aria-label="Above or below" value={draft.above === null ? "below" : "above"} onChange={(event) => limit(shown, event.currentTarget.value === "above")}><option value="above" selected={draft.above !== null}>above</option><option value="below" selected={draft.above === null}>below</option></select>
              <input class="field limit-field" type="number" step="any" required aria-label="Threshold" value={shown} onInput={(event) => limit(event.currentTarget.value, draft.above !== null)} />
              {unit && <span class="soft">{unit}</span>}
            </>
          )}
          <span>in</span>
          <select class="field" aria-label="Window" value={draft.window} onChange={(event) => set({ window: event.currentTarget.value })}>{WINDOWS.map((window) => <option key={window} value={window} selected={window === draft.window}>{words(window).replace("1 minutes", "1 minute")}</option>)}</select>
        </p>
        <p class="sentence">
          <span>of</span>
          <select class="field" aria-label="Watched one by one" value={draft.by[0] ?? ""} onChange={(event) => set({ by: event.currentTarget.value ? [event.currentTarget.value] : [] })}>
            <option value="" selected={draft.by.length === 0}>all together</option>
            {Object.entries(DIMENSIONS).filter(([name]) => !NOT_BY.has(name)).toSorted(([, a], [, b]) => Number(Boolean(b.often)) - Number(Boolean(a.often))).map(([name, one]) => <option key={name} value={name} selected={name === draft.by[0]}>each {one.label}</option>)}
          </select>
          <span>among</span>
          <span class="held">
            {draft.filters.length === 0 && <span class="faint">all calls</span>}
            {draft.filters.map((filter) => <Chip key={filter.field + filter.op} filter={filter} />)}
            <button type="button" class="btn" data-opens="filter" aria-haspopup="dialog" onClick={(event) => { editing(null); float("filter", event.currentTarget); }}><Icon name="plus" />Filter</button>
          </span>
        </p>
        <p class="sentence">
          <span>and it holds for</span>
          <select class="field" aria-label="How long it has to hold" value={draft.wait} onChange={(event) => set({ wait: event.currentTarget.value })}>{[...new Set([...WAITS, draft.wait])].map((each) => <option key={each} value={each} selected={each === draft.wait}>{each === "0s" ? "a moment" : words(each)}</option>)}</select>
          {!silent && <><span>with at least</span><input class="field limit-field" type="number" min="0" aria-label="Least calls" value={draft.leastCalls} onInput={(event) => set({ leastCalls: Number(event.currentTarget.value) })} /><span>calls.</span></>}
        </p>
      </fieldset>
      <fieldset class="checks">
        <legend>Say it in</legend>
        {channels.length === 0 && <p class="faint">No channel yet: it is shown here alone. Make one below.</p>}
        {channels.map((channel) => <label key={channel.id}><input type="checkbox" checked={draft.channels.includes(channel.id)} onChange={(event) => set({ channels: event.currentTarget.checked ? [...draft.channels, channel.id] : draft.channels.filter((each) => each !== channel.id) })} /><span>{channel.name} <span class="faint">{channel.kind}</span></span></label>)}
        <p class="sentence"><span>then be quiet for</span><select class="field" aria-label="Quiet after an alert" value={draft.quiet} onChange={(event) => set({ quiet: event.currentTarget.value })}>{[...new Set([...QUIETS, draft.quiet])].map((each) => <option key={each} value={each} selected={each === draft.quiet}>{words(each)}</option>)}</select></p>
        <label><input type="checkbox" checked={draft.resolved} onChange={(event) => set({ resolved: event.currentTarget.checked })} /><span>Say when it is over, too</span></label>
        <label><input type="checkbox" checked={draft.on} onChange={(event) => set({ on: event.currentTarget.checked })} /><span>Watch it</span></label>
      </fieldset>
      <Trying rule={draft} />
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      <p class="foot">
        <button class="btn solid">{rule ? "Save" : "Watch this"}</button>
        <button type="button" class="btn" onClick={onDone}>Leave it</button>
        {rule && (sure ? <button type="button" class="btn danger push" onClick={() => void attempt(() => removeRule(rule.id))}>Remove it with its history</button> : <button type="button" class="btn push" onClick={() => ask(true)}>Remove</button>)}
      </p>
    </form>
  );
}

/** The editor's filters stand in the address, so that the page's own choice of filters serves it. */
export function openEditor(id: string, draft: Draft): void {
  go({ filters: draft.filters, own: { rule: id } }, "push");
}
export function leaveEditor(): void {
  go({ filters: [], own: {} }, "push");
}
