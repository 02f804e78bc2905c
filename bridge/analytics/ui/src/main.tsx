/** The dashboard's entry: follows the address, listens to the keyboard, keeps itself fresh, and shows the page. */
import { effect, signal } from "@preact/signals";
import { render, type ComponentType } from "preact";
import { address, follow } from "./address";
import { keepFresh, trouble } from "./ask";
import { keepState } from "./books";
import { Books } from "./frame/books";
import { FilterChoice } from "./frame/filter";
import { Gate } from "./frame/gate";
import { listen } from "./frame/keys";
import { Palette } from "./frame/palette";
import { PeriodChoice, ZoneChoice } from "./frame/period";
import { Navigation, TabBar } from "./frame/navigation";
import { floating } from "./parts/dialog";
import { keepAnnotations } from "./over";
import { Shared } from "./share/open";
import { keepMe, met, seesAll } from "./me";
import { fetchRest, pages } from "./pages";
import { watchSystem } from "./theme";
import "./styles/tokens.css";
import "./styles/dashboard.css";
import "./styles/frame.css";
import "./styles/pages.css";
import "./styles/events.css";
import "./styles/explore.css";

const floats = signal<ComponentType | null>(null);

async function fetchFloats(): Promise<void> {
  floats.value ??= (await import("./frame/floats")).Floats;
}

function Dashboard() {
  const Floating = floats.value;
  const shown = pages();
  const wanted = shown.find((each) => each.id === address.value.page);
  // A page that not everybody may see waits until it is known who asks; then it is shown, or the first one.
  const page = wanted ?? shown[0];
  if (!page || (!wanted && !met.value)) return null;
  const Shown = page.show;
  return (
    <div class="app">
      <Navigation />
      <div class="main">
        {trouble.value?.status === 401 ? <Gate /> : <><Shown key={page.id} />{!page.manages && <Books />}</>}
      </div>
      <TabBar />
      <PeriodChoice />
      <ZoneChoice />
      <FilterChoice />
      <Palette />
      {Floating && <Floating />}
      <Shared />
    </div>
  );
}

follow();
keepMe();
keepState(seesAll);
keepFresh();
keepAnnotations();
listen();
watchSystem();
const root = document.getElementById("app");
if (root) render(<Dashboard />, root);
// The other pages come while nobody waits.
setTimeout(() => void Promise.all([fetchRest(), fetchFloats()]), 2000);
effect(() => {
  if (floating.value) void fetchFloats();
});
