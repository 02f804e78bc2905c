/** A view of single events: the log with its event page. Fetched when the workspace is one. */
import { LogView } from "../events/events";
import { also, paused } from "../events/log";
import type { View } from "../explore/view";
import { NothingHere } from "./states";

export function EventsOf({ view, live }: { view: View; live: boolean }) {
  also.filters = view.filters;
  if (!live) paused.value = true;
  return <LogView empty={<NothingHere />} live={live} />;
}

export { Pace } from "../events/events";
