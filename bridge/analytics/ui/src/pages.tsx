/** The pages, in the order of the navigation and of the keys g 1, g 2 …; those that manage something have a letter. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { ManageTop, Top } from "./frame/top";
import { may, me, seesAll, type Scope } from "./me";
import { Overview } from "./pages/overview";
import type * as Rest from "./pages/rest";

export interface Page {
  id: string;
  name: string;
  icon: string;
  show: ComponentType;
  /** Pressed after g. */
  key: string;
  /** In the tab bar of a phone. */
  first?: boolean;
  /** In the section "Manage": it shows no calls, so it has neither a period nor the books. */
  manages?: boolean;
  /** Who may not, does not see it. */
  shown: () => boolean;
}

const rest = signal<typeof Rest | null>(null);

export async function fetchRest(): Promise<void> {
  rest.value ??= await import("./pages/rest");
}

const LOOKS = () => true;

/** A page of the rest; until it is there its head stands alone. */
function later(key: string, id: string, name: string, icon: string, pick: (pages: typeof Rest) => ComponentType, first = false): Page {
  const show = () => {
    if (!rest.value) {
      void fetchRest();
      return <><Top title={name} /><main class="page" /></>;
    }
    const Shown = pick(rest.value);
    return <Shown />;
  };
  return { id, name, icon, show, key, first, shown: LOOKS };
}

/** A page of the section "Manage", in a file of its own that is fetched when it is opened. */
function manages(key: string, id: string, name: string, icon: string, shown: () => boolean, fetchIt: () => Promise<ComponentType>): Page {
  const found = signal<ComponentType | null>(null);
  const show = () => {
    if (!found.value) {
      void fetchIt().then((page) => (found.value = page));
      return <><ManageTop title={name} /><main class="page" /></>;
    }
    const Shown = found.value;
    return <Shown />;
  };
  return { id, name, icon, show, key, manages: true, shown };
}

/** Of those who see everything and have the scope. */
const whole = (...scopes: Scope[]) => () => seesAll() && scopes.some(may);

const ALL: Page[] = [
  { id: "overview", name: "Overview", icon: "overview", show: Overview, key: "1", first: true, shown: LOOKS },
  later("2", "apis", "APIs", "api", (pages) => pages.Apis, true),
  later("3", "consumers", "Consumers", "people", (pages) => pages.Consumers),
  later("4", "errors", "Errors", "errors", (pages) => pages.Errors, true),
  later("5", "latency", "Latency", "time", (pages) => pages.Latency),
  later("6", "where", "Where and when", "where", (pages) => pages.Where),
  later("7", "ai", "AI", "ai", (pages) => pages.Ai),
  later("8", "events", "Events", "events", (pages) => pages.Events, true),
  later("9", "explore", "Explore", "explore", (pages) => pages.Explore),
  manages("w", "workspaces", "Workspaces", "share", whole("create:workspaces"), () => import("./pages/workspaces").then((file) => file.Workspaces)),
  manages("m", "monitors", "Monitors", "pulse", () => me.value?.monitors ?? false, () => import("./pages/monitors").then((file) => file.Monitors)),
  manages("a", "alerts", "Alerts", "bell", whole("admin"), () => import("./pages/alerts").then((file) => file.Alerts)),
  manages("r", "reports", "Reports", "report", whole("read:data"), () => import("./pages/reports").then((file) => file.Reports)),
  manages("k", "access", "Access", "lock", whole("admin", "delete:users"), () => import("./pages/access").then((file) => file.Access)),
  manages("k", "mine", "Your data", "lock", () => !seesAll() && may("delete:users"), () => import("./pages/mine").then((file) => file.Mine)),
];

/** Those that the caller may see. */
export const pages = (): Page[] => ALL.filter((page) => page.shown());
