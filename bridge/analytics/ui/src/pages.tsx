/** The pages, in the order of the navigation and of the keys g 1, g 2 … */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { Top } from "./frame/top";
import { Overview } from "./pages/overview";
import type * as Rest from "./pages/rest";

export interface Page {
  id: string;
  name: string;
  icon: string;
  show: ComponentType;
  /** In the tab bar of a phone. */
  first?: boolean;
}

const rest = signal<typeof Rest | null>(null);

export async function fetchRest(): Promise<void> {
  rest.value ??= await import("./pages/rest");
}

/** A page of the rest; until it is there its head stands alone. */
function later(id: string, name: string, icon: string, pick: (pages: typeof Rest) => ComponentType, first = false): Page {
  const show = () => {
    if (!rest.value) {
      void fetchRest();
      return <><Top title={name} /><main class="page" /></>;
    }
    const Shown = pick(rest.value);
    return <Shown />;
  };
  return { id, name, icon, show, first };
}

export const PAGES: Page[] = [
  { id: "overview", name: "Overview", icon: "overview", show: Overview, first: true },
  later("apis", "APIs", "api", (pages) => pages.Apis, true),
  later("consumers", "Consumers", "people", (pages) => pages.Consumers),
  later("errors", "Errors", "errors", (pages) => pages.Errors, true),
  later("latency", "Latency", "time", (pages) => pages.Latency),
  later("where", "Where and when", "where", (pages) => pages.Where),
  later("ai", "AI", "ai", (pages) => pages.Ai),
  later("events", "Events", "events", (pages) => pages.Events, true),
  later("explore", "Explore", "explore", (pages) => pages.Explore),
];
