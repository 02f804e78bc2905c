/** The period: relative at the left, as it stands in the address; days at the right; and the zone that it is meant in. */
import { useEffect, useState } from "preact/hooks";
import { address, go, ownZone } from "../address";
import { bounds, now, span } from "../ask";
import { offset } from "../format";
import { CHOICES, midnight, moment, offsetOf, resolve, written, type Choice } from "../period";
import { Chooser, type Item } from "../parts/chooser";
import { close, Dialog, floating } from "../parts/dialog";
import { Icon } from "../parts/words";

/** A period that begins where there is nothing to be seen is not offered. */
function fits({ from }: Choice): boolean {
  const { earliest } = bounds.value;
  return earliest === null || resolve(from, "now", now.value, address.value.zone, earliest).from >= earliest - 60_000;
}

/** To the minute, as people write it. */
const shown = (time: number, zone: string) => written(time, zone).slice(0, 16).replace("T", " ");
const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

export function PeriodChoice() {
  const { from, to, zone } = address.value;
  const open = floating.value === "period";
  const [first, putFirst] = useState("");
  const [last, putLast] = useState("");
  const [month, turn] = useState(0);
  const [begun, begin] = useState<number | null>(null);
  useEffect(() => {
    if (!open) return;
    putFirst(shown(span.value.from, zone));
    putLast(shown(span.value.to, zone));
    turn(midnight(span.value.to, zone, 0, true));
    begin(null);
  }, [open]);
  const choose = (start: string, end = "now") => {
    close();
    go({ from: start, to: end });
  };
  const valid = moment(first, zone) !== undefined && moment(last, zone) !== undefined && (moment(first, zone) ?? 0) < (moment(last, zone) ?? 0);
  const pick = (day: number) => {
    const next = midnight(day + 43_200_000, zone, 1);
    if (begun === null) {
      begin(day);
      putFirst(shown(day, zone));
      putLast(shown(next, zone));
    } else {
      putFirst(shown(Math.min(begun, day), zone));
      putLast(shown(Math.max(midnight(begun + 43_200_000, zone, 1), next), zone));
      begin(null);
    }
  };
  const low = moment(first, zone) ?? 0;
  const high = moment(last, zone) ?? 0;
  return (
    <Dialog what="period" label="Period" class="period">
      <ul class="menu choices" aria-label="Relative periods">
        {CHOICES.filter(fits).map((choice) => (
          <li key={choice.from}>
            <button class={choice.from === from && to === "now" ? "on" : ""} onClick={() => choose(choice.from)}>
              {choice.label}
              {choice.from === from && to === "now" && <Icon name="check" />}
            </button>
          </li>
        ))}
      </ul>
      <form
        class="absolute"
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) choose(first.trim().replace(" ", "T"), last.trim().replace(" ", "T"));
        }}
      >
        {month > 0 && <Month first={month} zone={zone} low={low} high={high} onPick={pick} onTurn={turn} />}
        <div class="fromto">
          <label><span>From</span><input class="field mono" value={first} onInput={(event) => putFirst(event.currentTarget.value)} aria-invalid={!valid} /></label>
          <label><span>To</span><input class="field mono" value={last} onInput={(event) => putLast(event.currentTarget.value)} aria-invalid={!valid} /></label>
        </div>
        <p class="small faint">{zone === "UTC" ? zone : `${zone}, ${offset(span.value.to, zone)}`}<button class="btn solid push" disabled={!valid}>Show</button></p>
      </form>
    </Dialog>
  );
}

function Month({ first, zone, low, high, onPick, onTurn }: { first: number; zone: string; low: number; high: number; onPick: (day: number) => void; onTurn: (first: number) => void }) {
  const local = new Date(first + offsetOf(first, zone));
  const lead = (local.getUTCDay() + 6) % 7;
  const days = Array.from({ length: 42 }, (_, at) => midnight(first + 43_200_000, zone, at - lead));
  const name = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: zone }).format(first + 43_200_000);
  return (
    <>
      <p class="month">
        <b>{name}</b>
        <button type="button" class="btn tight push" aria-label="Month before" onClick={() => onTurn(midnight(first - 43_200_000, zone, 0, true))}><Icon name="left" /></button>
        <button type="button" class="btn tight" aria-label="Month after" onClick={() => onTurn(midnight(first + 32.5 * 86_400_000, zone, 0, true))}><Icon name="right" /></button>
      </p>
      <div class="days">
        {DAYS.map((day) => <span class="faint" key={day}>{day}</span>)}
        {days.map((day) => {
          const of = new Date(day + offsetOf(day, zone));
          const next = midnight(day + 43_200_000, zone, 1);
          const inside = day < high && next > low;
          const edge = inside && (day <= low || next >= high);
          return (
            <button type="button" key={day} class={`${edge ? "end" : inside ? "in" : ""} ${of.getUTCMonth() !== local.getUTCMonth() ? "off" : ""}`} aria-pressed={inside} disabled={day > (bounds.value.latest ?? Date.now()) || next <= (bounds.value.earliest ?? 0)} onClick={() => onPick(day)}>
              {of.getUTCDate()}
            </button>
          );
        })}
      </div>
    </>
  );
}

export function ZoneChoice() {
  const [typed, type] = useState("");
  const { zone } = address.value;
  const open = floating.value === "zone";
  useEffect(() => type(""), [open]);
  const all = open ? [...new Set([ownZone, "UTC", ...Intl.supportedValuesOf("timeZone")])] : [];
  const wanted = typed.toLowerCase().replaceAll(" ", "_");
  const items: Item[] = all
    .filter((each) => each.toLowerCase().includes(wanted))
    .slice(0, 60)
    .map((each) => ({
      id: each,
      label: each.replaceAll("_", " "),
      hint: each === ownZone ? `${offset(Date.now(), each)}, this browser` : offset(Date.now(), each),
      chosen: each === zone,
      act: () => {
        close();
        go({ zone: each }, "replace");
      },
    }));
  return (
    <Dialog what="zone" label="Time zone" class="w-300">
      <Chooser items={items} typed={typed} onType={type} placeholder="Time zone" />
    </Dialog>
  );
}
