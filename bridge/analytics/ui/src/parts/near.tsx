/** "≈" before what was rolled up: quiet, with the error that it has at most. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { percent } from "../format";
import type { Approximate } from "../questions";

/** What of the answer around is not exact. */
export const NotExact = createContext<Approximate | null>(null);

export function Near({ measure, of }: { measure: string; of?: Approximate | null }) {
  const around = useContext(NotExact);
  const known = of === undefined ? around : of;
  if (!known?.measures.some((name) => name === measure)) return null;
  return <abbr class="near" title={`From figures by the hour, at most ${percent(known.error)}% off; a shorter period is exact`}>≈</abbr>;
}
