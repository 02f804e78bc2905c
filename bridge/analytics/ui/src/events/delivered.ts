/** Whether a destination has an event: what follows from its bridge's account and from nothing else. */
import type { SinkAccount } from "../books";
import { clockSeconds, count } from "../format";

export interface Delivery {
  /** Certain, waiting, or one of several ends that the account does not tell apart. */
  state: "has it" | "waits" | "settled" | "unknown";
  words: string;
}

export function deliveryOf(received: number | null, sink: SinkAccount, zone: string): Delivery {
  const settled = sink.settled_before ? Date.parse(sink.settled_before) : NaN;
  const { pending = 0, dead = 0, left_out = 0 } = sink;
  if (received === null || Number.isNaN(settled)) return { state: "unknown", words: pending ? `${count(pending)} events wait` : "nothing waits" };
  if (received >= settled) return { state: "waits", words: pending ? `not yet: ${count(pending)} events wait, from ${clockSeconds(settled, zone)} on` : "its bridge says so within seconds" };
  const up = `all received before ${clockSeconds(settled, zone)}`;
  if (dead === 0 && left_out === 0) return { state: "has it", words: up };
  const but = [...(dead ? [`${count(dead)} dead ${dead === 1 ? "letter" : "letters"}`] : []), ...(left_out ? [`${count(left_out)} left out by filter or sampling`] : [])];
  return { state: "settled", words: `${up}, but for ${but.join(" and ")}` };
}
