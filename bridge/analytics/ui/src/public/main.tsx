/** The entry of public and embedded views: no login, no cookie, no storage; one token opens one workspace. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { follow } from "../address";
import { asking, auto, keepFresh, refresh, trouble } from "../ask";
import { watchSystem } from "../theme";
import { listenToParent } from "./parent";
import { ShutView } from "./states";
import { WorkspaceView } from "./view";
import { carry, dressBy, open, options, shut, slowed, tokenOf, workspace } from "./workspace";
import "../styles/tokens.css";
import "../styles/dashboard.css";
import "../styles/frame.css";
import "../styles/pages.css";
import "../styles/events.css";
import "../styles/explore.css";
import "../styles/public.css";

const { token, root } = tokenOf(location.pathname, location.hash);
asking.root = root;
// A workspace's token may ask two questions at a time, and sixty in a minute.
asking.atOnce = 2;
asking.leastMs = 30_000;
dressBy(location.search);
const { theme } = options.peek();
if (theme) document.documentElement.dataset["theme"] = theme;

const LEAST_SECONDS = 15;

function Public() {
  if (shut.value) return <ShutView shut={shut.value} />;
  if (!workspace.value) return <main class="shut" aria-busy="true" />;
  return <WorkspaceView of={workspace.value} options={options.value} />;
}

/** What was asked too often is asked again when there is room for all of it, not for one question. */
effect(() => {
  const said = trouble.value;
  if (said?.status === 429) {
    if (slowed.peek()) return;
    slowed.value = Math.max(LEAST_SECONDS, said.after ?? 0);
    setTimeout(() => {
      slowed.value = null;
      refresh();
    }, slowed.value * 1000);
  } else if (said?.status === 401 && workspace.peek()) void open();
});
effect(() => {
  auto.value = workspace.value?.live ?? false;
});

follow();
watchSystem();
keepFresh();
listenToParent();
if (token) {
  carry(token);
  void open();
} else shut.value = { why: parent === window ? "wrong" : "waiting" };
const page = document.getElementById("app");
if (page) render(<Public />, page);
