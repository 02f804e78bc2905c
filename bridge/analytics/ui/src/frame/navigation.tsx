/** The side: brand, search, pages, gateways' freshness. Under 768 px a tab bar. */
import { address, link } from "../address";
import { late, silence, state } from "../books";
import { ago, clock } from "../format";
import { seesAll } from "../me";
import { pages, type Page } from "../pages";
import { float } from "../parts/dialog";
import { Icon, Mark } from "../parts/words";
import { nextTheme, theme } from "../theme";

const THEMES = { system: "System", light: "Light", dark: "Dark" };
/** What the foot of the navigation has room for. */
const GATEWAYS = 6;

export function Navigation() {
  const here = address.value.page;
  const shown = pages();
  const managing = shown.filter((page) => page.manages);
  const item = (page: Page) => (
    <li key={page.id}>
      <a href={link({ page: page.id })} title={`${page.name} (g ${page.key})`} aria-label={page.name} {...(page.id === here ? { "aria-current": "page" as const } : {})}>
        <Icon name={page.icon} />
        <span>{page.name}</span>
      </a>
    </li>
  );
  return (
    <nav class="nav" aria-label="Pages">
      <a class="brand" href={link({ page: "overview" })} aria-label="apim-bridge, overview">
        <Icon name="bridge" />
        <span>apim-bridge</span>
      </a>
      <button class="jump" title="Search or jump to (/)" onClick={() => float("palette")}>
        <Icon name="search" />
        <span>Search or jump to</span>
        <kbd class="push">/</kbd>
      </button>
      <ul>{shown.filter((page) => !page.manages).map(item)}</ul>
      {managing.length > 0 && (
        <section class="manage" aria-label="Manage">
          <p>Manage</p>
          <ul>{managing.map(item)}</ul>
        </section>
      )}
      {seesAll() ? <Fresh /> : <div class="fresh" />}
      <div class="foot">
        <button class="btn" title="Theme: system, light, dark" onClick={nextTheme}>
          <Icon name="theme" />
          <span class="word">{THEMES[theme.value]}</span>
        </button>
        <button class="btn push" title="Keyboard and help (?)" aria-label="Keyboard and help" onClick={() => float("help")}>
          <Icon name="help" />
        </button>
      </div>
    </nav>
  );
}

/** "No data" is not "no traffic": a gateway that is not heard is said on every page, with the time since. */
function Fresh() {
  const known = state.value;
  const { zone } = address.value;
  const senders = [...(known?.senders ?? [])].sort((a, b) => Number(late(b, known?.at ?? 0)) - Number(late(a, known?.at ?? 0)) || a.name.localeCompare(b.name));
  return (
    <section class="fresh" aria-label="Gateways, last heard">
      <p>Gateways, last heard</p>
      <ul>
        {known && senders.length === 0 && <li class="faint"><Mark kind="off" /><span>none yet</span><span /></li>}
        {senders.slice(0, GATEWAYS).map((sender) => {
          const quiet = late(sender, known?.at ?? 0);
          const since = silence(sender, known?.at ?? 0);
          const words = quiet ? (sender.newest ? `none since ${clock(sender.newest, zone)}` : "never") : ago(since ?? 0);
          return (
            <li key={sender.name} class={quiet ? "late" : ""} title={`${sender.name}: ${words}`}>
              <Mark kind={quiet ? "off" : "2xx"} late={quiet} />
              <span class="cut">{sender.name}</span>
              <span>{words}</span>
            </li>
          );
        })}
        {senders.length > GATEWAYS && <li class="faint"><i /><span>{senders.length - GATEWAYS} more</span><span /></li>}
      </ul>
    </section>
  );
}

export function TabBar() {
  const here = address.value.page;
  const shown = pages().filter((page) => page.first);
  return (
    <nav class="tabbar" aria-label="Pages">
      {shown.map((page) => (
        <a key={page.id} href={link({ page: page.id })} {...(page.id === here ? { "aria-current": "page" as const } : {})}>
          <Icon name={page.icon} />
          {page.name}
        </a>
      ))}
      <button data-opens="more" onClick={(event) => float("more", event.currentTarget)} {...(shown.some((page) => page.id === here) ? {} : { "aria-current": "page" as const })}>
        <Icon name="more" />
        More
      </button>
    </nav>
  );
}
