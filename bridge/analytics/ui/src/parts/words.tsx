/** Small things that stand everywhere: icons, marks of a status, numbers with their units, changes. */
import type { ComponentChildren } from "preact";
import type { Kind } from "../codes";
import type { Unit } from "../fields";
import { change, figure } from "../format";
import { address } from "../address";

export function Icon({ name }: { name: string }) {
  return (
    <svg class="i" aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}

export const inkOf = (kind: Kind) => (kind === "thr" ? "inkthr" : kind === "off" ? "faint" : `ink${kind}`);

/** Status by shape first, by colour second. */
export function Mark({ kind, late = false }: { kind: Kind; late?: boolean }) {
  const colour = late ? "s4xx" : kind === "thr" || kind === "off" ? kind : `s${kind}`;
  return (
    <svg class={`mark ${colour}`} aria-hidden="true">
      <use href={`#m-${kind}`} />
    </svg>
  );
}

export function Badge({ kind, children }: { kind: Kind; children: ComponentChildren }) {
  return (
    <span class={`badge b${kind}`}>
      <Mark kind={kind} />
      {children}
    </span>
  );
}

/** A number and its quieter unit. */
export function N({ value, unit }: { value: number | null | undefined; unit: Unit }) {
  const said = figure(value, unit);
  return (
    <>
      {said.number}
      {said.unit && <span class="u">{said.unit}</span>}
    </>
  );
}

export function Delta({ now, before, unit, good }: { now: number | null; before: number | null; unit: Unit; good: -1 | 0 | 1 }) {
  const said = change(now, before, unit, good);
  if (!said || !address.value.compare) return null;
  return (
    <span class={`delta ${said.verdict}`}>
      {said.text}
      {said.verdict && <span class="sr">{said.verdict === "bad" ? " worse" : " better"}</span>}
    </span>
  );
}

export function Head({ title, per, children }: { title: string; per?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="head">
      <h2>{title}</h2>
      {per && <span class="per">{per}</span>}
      {children && <span class="push">{children}</span>}
    </div>
  );
}
