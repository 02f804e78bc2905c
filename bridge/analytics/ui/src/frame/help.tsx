/** What the keys do, the pages that a phone's tab bar has no room for, and what can be taken away. */
import { useState } from "preact/hooks";
import { address, go, link } from "../address";
import { exportable, request, span } from "../ask";
import { wire, wireFilters } from "../questions";
import { before } from "../period";
import { close, Dialog, float, floating } from "../parts/dialog";
import { Icon } from "../parts/words";
import { pages } from "../pages";
import { nextTheme } from "../theme";

const KEYS: [string, string[]][] = [
  ["Search or jump to", ["/"]],
  ["Add a filter; remove the last", ["f", "⌫"]],
  ["Period; earlier; later", ["p", "⇧ ←", "⇧ →"]],
  ["Compare on and off", ["c"]],
  ["Time zone", ["z"]],
  ["Pages, as their names’ titles say", ["g", "1…9"]],
  ["Row down, up; filter; exclude", ["j", "k", "↵", "Alt ↵"]],
  ["Chart: read, zoom, back", ["← →", "↵", "Esc"]],
  ["Charts as tables, and back", ["t"]],
  ["Export what is shown", ["e"]],
  ["Refresh", ["r"]],
  ["Events: pause; show the new ones", ["Space", "n"]],
  ["Close", ["Esc"]],
];

export function Help() {
  return (
    <Dialog what="help" label="Keyboard" centred class="w-560">
      <h2>Keyboard</h2>
      <ul class="keys">
        {KEYS.map(([what, keys]) => <li key={what}>{what}<span>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</span></li>)}
      </ul>
      <p class="small faint note">A click on a name filters by it, Alt and a click leaves it out. The address holds the whole view: copy it, send it, go back.</p>
    </Dialog>
  );
}

export function More() {
  const { compare, from, to } = address.value;
  const leave = (act: () => void) => () => {
    close();
    act();
  };
  return (
    <Dialog what="more" label="More" class="sheet">
      <ul class="menu">
        {pages().filter((page) => !page.first).map((page) => (
          <li key={page.id}><a href={link({ page: page.id })} onClick={close}><Icon name={page.icon} />{page.name}</a></li>
        ))}
        <li><button onClick={leave(() => float("palette"))}><Icon name="search" />Search or jump to</button></li>
        <li><button onClick={leave(() => go({ compare: !compare }, "replace"))}><Icon name={compare ? "check" : "x"} />Compare with the previous {before(from, to, span.value)}</button></li>
        <li><button onClick={leave(() => float("zone"))}><Icon name="where" />Time zone: {address.value.zone}</button></li>
        <li><button onClick={leave(() => float("export"))}><Icon name="save" />Export</button></li>
        <li><button onClick={leave(nextTheme)}><Icon name="theme" />Light or dark</button></li>
      </ul>
    </Dialog>
  );
}

const FORMATS: [string, string][] = [["csv", "CSV"], ["ndjson", "NDJSON"], ["parquet", "Parquet"]];

export function Export() {
  const [failed, fail] = useState("");
  if (floating.value !== "export") return null;
  const { filters, zone } = address.value;
  const { from, to } = wire({ measures: [] }, filters, span.value, zone);
  const events = JSON.stringify({ filters: wireFilters(filters), from, to, time_zone: zone });
  const take = async (name: string, question: string, format: string) => {
    fail("");
    try {
      const body = await (await request(`api/export?${new URLSearchParams({ question, format })}`)).blob();
      const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(body), download: `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.${format}` });
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
    } catch (reason) {
      fail((reason as { error?: string }).error ?? String(reason));
    }
  };
  return (
    <Dialog what="export" label="Export" class="w-360">
      <h2>Export</h2>
      <p class="small faint note">What this page shows, with its filters and period.</p>
      <ul class="menu exports">
        {[...[...exportable.value].map(([name, question]) => [name, JSON.stringify(wire({ ...question, limit: 10_000 }, filters, span.value, zone))] as const), ["All events of this view", events] as const].map(([name, question]) => (
          <li key={name}>
            {name}
            <span>
              {FORMATS.map(([format, words]) => <button key={format} class="btn" aria-label={`${name} as ${words}`} onClick={() => void take(name, question, format)}>{words}</button>)}
            </span>
          </li>
        ))}
      </ul>
      {failed && <p class="ink5xx note" role="alert">{failed}</p>}
    </Dialog>
  );
}
