/** Search or jump to: pages, APIs, applications, users, codes and correlation ids in one field. */
import { useEffect, useState } from "preact/hooks";
import { address, go, print, withFilter } from "../address";
import { codeWords, CODES } from "../codes";
import { fieldLabel, valueLabel } from "../fields";
import { count } from "../format";
import { pages } from "../pages";
import { Chooser, type Item } from "../parts/chooser";
import { close, Dialog, float, floating } from "../parts/dialog";
import { Icon } from "../parts/words";
import { forgetToken, hasToken } from "../ask";
import { nextTheme } from "../theme";
import { useValues } from "../values";

const FIELDS = ["api", "application", "user", "resource", "backend"];
const ICONS: Record<string, string> = { api: "api", application: "people", user: "people", resource: "api", backend: "bridge" };
const GROUPS: Record<string, string> = { api: "APIs", application: "Applications", user: "Users", resource: "Resources", backend: "Backends" };
const PAGE_OF: Record<string, string> = { api: "apis", application: "consumers", user: "consumers" };
const ID = /^[0-9a-f]{8}-[0-9a-f-]{4,}$/i;

export function Palette() {
  const open = floating.value === "palette";
  const [typed, type] = useState("");
  useEffect(() => type(""), [open]);
  const wanted = typed.trim().toLowerCase();
  const { found } = useValues(FIELDS, typed.trim(), 4, open && wanted.length > 1);
  if (!open) return null;
  const has = (page: string) => pages().some((each) => each.id === page);
  const leave = (change: Parameters<typeof go>[0]) => {
    close();
    go(change);
  };
  const items: Item[] = [];
  if (ID.test(wanted) && has("events"))
    items.push({ id: "id", group: "Events", icon: <Icon name="events" />, label: <>Correlation id <b class="mono">{typed.trim()}</b></>, act: () => leave({ page: "events", from: "all", to: "now", filters: [{ field: "correlation_id", op: "is", values: [typed.trim()] }] }) });
  pages().forEach((page) => {
    if (!wanted || page.name.toLowerCase().includes(wanted))
      items.push({ id: page.id, group: "Pages", icon: <Icon name={page.icon} />, label: page.name, hint: <><kbd>g</kbd> <kbd>{page.key}</kbd></>, act: () => leave({ page: page.id }) });
  });
  for (const each of found) {
    const page = PAGE_OF[each.field];
    const filters = withFilter(address.value.filters, each.field, "is", each.value);
    items.push({
      id: `${each.field}=${each.value}`, group: GROUPS[each.field] ?? fieldLabel(each.field), icon: <Icon name={ICONS[each.field] ?? "api"} />, label: valueLabel(each.field, each.value), hint: `${count(each.calls)} calls`,
      act: (alt) => leave(alt || !page || !has(page) ? { filters } : { page, filters }),
    });
  }
  if (wanted.length > 1)
    for (const [code, { name }] of Object.entries(CODES).filter(([code, { name }]) => code.startsWith(wanted) || name.toLowerCase().includes(wanted)).slice(0, 5))
      items.push({ id: code, group: "Error codes", icon: <Icon name="errors" />, label: <><span class="mono">{code}</span> {name}</>, hint: codeWords(code, null).cure.slice(0, 36), act: () => leave({ ...(has("errors") ? { page: "errors" } : {}), filters: withFilter(address.value.filters, "error_code", "is", code) }) });
  const deeds: [string, string, string, () => void][] = [
    ["Add a filter", "plus", "f", () => float("filter")], ["Choose the period", "time", "p", () => float("period")], ["Choose the time zone", "where", "z", () => float("zone")],
    ["Light or dark", "theme", "", nextTheme], ["Copy this address", "copy", "", () => void navigator.clipboard.writeText(location.origin + location.pathname + print(address.value))], ["Keyboard", "help", "?", () => float("help")],
    ...(hasToken() ? [["Forget the token", "lock", "", forgetToken] as [string, string, string, () => void]] : []),
  ];
  for (const [name, icon, key, act] of deeds)
    if (!wanted || name.toLowerCase().includes(wanted)) items.push({ id: name, group: "Do", icon: <Icon name={icon} />, label: name, hint: key && <kbd>{key}</kbd>, act: () => { close(); act(); } });
  return (
    <Dialog what="palette" label="Search or jump to" centred class="w-560">
      <Chooser items={items} typed={typed} onType={type} placeholder="Search or jump to" foot={<p class="foot small faint"><kbd>↵</kbd> goes <kbd>Alt ↵</kbd> filters this page</p>} />
    </Dialog>
  );
}
