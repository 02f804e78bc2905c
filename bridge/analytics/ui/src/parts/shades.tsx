/** The six shades of heat maps and of the map: one hue, from nothing to most, told apart by lightness alone. */
import type { Unit } from "../fields";
import { words } from "../format";

const STEPS = 5;

/** Nothing is a step of its own; the others are shares of the most, by the root, so that small ones differ. */
export function level(value: number, most: number): number {
  return value <= 0 ? 0 : Math.min(STEPS, 1 + Math.floor(Math.sqrt(value / most) * (STEPS - 0.001)));
}

/** Where each step but the first ends. */
export function ends(most: number): number[] {
  return Array.from({ length: STEPS }, (_, at) => ((at + 1) / STEPS) ** 2 * most);
}

export function Shades({ most, unit, none }: { most: number; unit: Unit; none: string }) {
  return (
    <ul class="legend shades" aria-label="Shades">
      <li><i class="swatch box h0" />{none}</li>
      {ends(most).map((end, at) => <li key={at}><i class={`swatch box h${at + 1}`} />to {words(unit === "" || unit === "tokens" ? Math.max(1, Math.round(end)) : end, unit)}</li>)}
    </ul>
  );
}
