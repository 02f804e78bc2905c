/** A rule tried on the past: how often it would have fired, when, and the figure over time. */
import { useState } from "preact/hooks";
import { address } from "../address";
import { failureOf, type Failure } from "../ask";
import { dayAndClock, words } from "../format";
import { MEASURES } from "../fields";
import { useWidth } from "../parts/spark";
import { tryRule, type Draft, type Trial } from "./rules";

const SPANS: [from: string, words: string][] = [["-24h", "day"], ["-7d", "week"], ["-30d", "month"]];
const HEIGHT = 96;

export function Trying({ rule }: { rule: Draft }) {
  const [from, choose] = useState("-30d");
  const [trial, put] = useState<Trial | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [waits, wait] = useState(false);
  const attempt = async () => {
    wait(true);
    try {
      put(await tryRule(rule, from, address.value.zone));
      fail(null);
    } catch (reason) {
      put(null);
      fail(failureOf(reason));
    }
    wait(false);
  };
  const span = SPANS.find(([each]) => each === from)?.[1] ?? "time";
  return (
    <section class="trying" aria-label="Tried on the past">
      <p class="trying-head">
        <button type="button" class="btn edge" disabled={waits} onClick={() => void attempt()}>{waits ? "Trying …" : "Try it on the last"}</button>
        <select class="field" aria-label="How far back" value={from} onChange={(event) => choose(event.currentTarget.value)}>{SPANS.map(([each, said]) => <option key={each} value={each} selected={each === from}>{said}</option>)}</select>
      </p>
      {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
      {trial && (
        <>
          <p aria-live="polite"><b>{fired(trial.fired)}</b> in the last {span}, in {messages(trial.messages)}.{trial.tried < trial.groups && ` Tried: the ${trial.tried} of ${trial.groups} groups with most calls.`}{!trial.exact && " Quantiles are approximate."}</p>
          <Chart trial={trial} rule={rule} />
          {trial.alerts.length > 0 && (
            <ul class="would">
              {trial.alerts.slice(-8).toReversed().map((alert, at) => (
                <li key={at}><span class="soft">{dayAndClock(Date.parse(alert.from), address.value.zone)}</span><span class="cut">{[alert.words, alert.said].filter(Boolean).join(": ")}</span><span class="faint">{alert.to ? lasted(alert.from, alert.to) : "goes on"}</span></li>
              ))}
              {trial.alerts.length > 8 && <li class="faint"><span /><span>{trial.alerts.length - 8} earlier</span><span /></li>}
            </ul>
          )}
        </>
      )}
    </section>
  );
}

const fired = (count: number) => (count === 0 ? "It would not have fired" : `It would have fired ${count === 1 ? "once" : `${count} times`}`);
const messages = (count: number) => (count === 1 ? "one message" : `${count} messages`);

export function lasted(from: string, to: string): string {
  const minutes = Math.round((Date.parse(to) - Date.parse(from)) / 60_000);
  return minutes < 120 ? `${minutes} min` : minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

/** The figure as a line, the threshold as a rule through it, and where it would have fired as bands. */
function Chart({ trial, rule }: { trial: Trial; rule: Draft }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const { times, values } = trial.series;
  const first = Date.parse(times[0] ?? "");
  const last = Date.parse(times[times.length - 1] ?? "");
  const threshold = rule.measure === "silence" ? null : (rule.above ?? rule.below);
  const known = [...values.filter((value) => value !== null), ...(threshold === null ? [] : [threshold])];
  const low = Math.min(0, ...known);
  const high = Math.max(...known, low + 1e-9);
  const x = (time: number) => (time - first) / Math.max(1, last - first) * width;
  const y = (value: number) => HEIGHT - 4 - (value - low) / (high - low) * (HEIGHT - 12);
  let gap = true;
  const path = values.map((value, at) => {
    if (value === null) {
      gap = true;
      return "";
    }
    const step = `${gap ? "M" : "L"}${x(Date.parse(times[at] ?? "")).toFixed(1)} ${y(value).toFixed(1)}`;
    gap = false;
    return step;
  }).join("");
  const unit = rule.against ? "%" : (MEASURES[rule.measure]?.unit ?? "");
  return (
    <div class="trial-chart" ref={box} role="img" aria-label={`${trial.condition}: the figure over time, and where it would have fired`}>
      {width > 0 && (
        <svg width={width} height={HEIGHT}>
          {trial.alerts.map((alert, at) => <rect key={at} class="would-fire" x={x(Date.parse(alert.from)).toFixed(1)} width={Math.max(2, x(alert.to ? Date.parse(alert.to) : last) - x(Date.parse(alert.from))).toFixed(1)} y="0" height={HEIGHT} />)}
          <path class="ln" d={path} />
          {threshold !== null && <line class="limit" x1="0" x2={width} y1={y(threshold)} y2={y(threshold)} />}
        </svg>
      )}
      <p class="small faint"><span>{dayAndClock(first, address.value.zone)}</span><span>{threshold !== null && `threshold ${rule.against ? `${Math.round(threshold * 100)} %` : words(threshold, unit)}`}</span><span>{dayAndClock(last, address.value.zone)}</span></p>
    </div>
  );
}
