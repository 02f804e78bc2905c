/** The keyboard: one key for each thing that a button does. Never while somebody types. */
import { address, go, link } from "../address";
import { refresh } from "../ask";
import { pages } from "../pages";
import { float, floating } from "../parts/dialog";
import { editing, shift } from "./top";

let pageNext = 0;

export function listen(): void {
  addEventListener("keydown", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || floating.value || at?.closest("input, textarea, select, [contenteditable]")) return;
    const plain = !event.altKey && !event.shiftKey;
    const page = Date.now() - pageNext < 1500 ? pages().find((each) => each.key === event.key) : undefined;
    pageNext = 0;
    if (page) {
      event.preventDefault();
      return go({ page: page.id });
    }
    if (event.key === "?") float("help");
    else if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight") && !at?.closest(".plot")) shift(event.key === "ArrowLeft" ? -1 : 1);
    else if (event.key === "j" || event.key === "k") row(event.key === "j" ? 1 : -1);
    else if (!plain) return;
    else if (event.key === "/") float("palette");
    else if (event.key === "g") pageNext = Date.now();
    else if (event.key === "f") { editing(null); float("filter"); }
    else if (event.key === "p") float("period");
    else if (event.key === "z") float("zone");
    else if (event.key === "e") float("export");
    else if (event.key === "r") refresh();
    else if (event.key === "t") tabulate();
    else if (event.key === "c" && !at?.closest(".drawer")) go({ compare: !address.value.compare }, "replace");
    else if (event.key === "Backspace" && address.value.filters.length > 0) history.pushState(null, "", link({ filters: address.value.filters.slice(0, -1) })), dispatchEvent(new PopStateEvent("popstate"));
    else return;
    event.preventDefault();
  });
}

/** The chart that has the focus or the pointer as a table, else all of them; and back. */
function tabulate(): void {
  const one = document.querySelector("main .plot:focus-within, main .plot:hover");
  const buttons = [...(one ?? document).querySelectorAll<HTMLElement>("main .as-table")];
  const on = buttons.some((button) => button.getAttribute("aria-pressed") !== "true");
  for (const button of buttons) if ((button.getAttribute("aria-pressed") === "true") !== on) button.click();
}

/** The rows of all lists, one after another; Enter follows the focused one. */
function row(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main a.row, main tr[tabindex]")].filter((each) => each.getClientRects().length > 0);
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
