/** A view of single events: the log with its event page. Fetched when the workspace is one. */
import type { Filter } from "../address";
import { LogView } from "../events/events";
import { also, paused } from "../events/log";
import type { View } from "../explore/view";
import { NothingHere } from "./states";

export function EventsOf({ view, live, locked }: { view: View; live: boolean; locked: Filter[] }) {
  also.filters = view.filters;
  if (!live) paused.value = true;
  const same = locked.filter(({ op, values }) => op === "is" && values.length === 1).map(({ field }) => field);
  return <LogView empty={<NothingHere />} live={live} same={same} />;
}

export { Pace } from "../events/events";
