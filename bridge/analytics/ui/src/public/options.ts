/** How the page is dressed, as its address says. The names are those of Moesif's embedded views, so that an address
 * that was made for them works here (github.com/Moesif/moesif-browser-embedded-api-dashboard, README). */
import type { Ruler } from "../parts/rulers";
import { accents, categories, readHex } from "./brand";

export interface Options {
  /** Inside of somebody's page: no name of ours, no way out. */
  embed: boolean;
  hideHeader: boolean;
  showDates: boolean;
  hideLegend: boolean;
  hideAxisLabels: boolean;
  /** Fields that the viewer may filter by, beside clicks. */
  filters: string[];
  /** An IANA name; null is the workspace's, or the browser's own. */
  zone: string | null;
  theme: "light" | "dark" | null;
  xLabel: string;
  yLabel: string;
  rulers: Ruler[];
  /** Tokens with their colours. */
  colours: Record<string, string>;
}

const on = (value: string | null) => value !== null && value !== "false" && value !== "0";

function zoneOf(name: string | null): string | null {
  if (!name) return null;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name;
  } catch {
    return null;
  }
}

/** `drawing[value]=250&drawing[name]=limit`, as often as there are lines; they belong together by their order. */
function rulersOf(query: URLSearchParams): Ruler[] {
  const all = (name: string) => query.getAll(`drawing[${name}]`);
  const [names, inks, widths] = [all("name"), all("borderColor"), all("borderWidth")];
  return all("value").flatMap((text, at) => {
    const value = Number(text);
    const ink = readHex(inks[at] ?? "") ? `#${(inks[at] ?? "").trim().replace("#", "")}` : "var(--text-2)";
    return text.trim() && Number.isFinite(value) ? [{ value, name: (names[at] ?? "").slice(0, 60), ink, width: Math.min(4, Math.max(1, Number(widths[at]) || 1)) }] : [];
  });
}

/** `kept`: those that the workspace was made with; what the address says goes before them. */
export function readOptions(search: string, kept: Record<string, unknown> = {}): Options {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(kept)) if (!query.has(name)) query.set(name, String(value));
  const flag = (name: string) => on(query.get(name));
  const words = (name: string) => (query.get(name) ?? "").slice(0, 120);
  const primary = readHex(query.get("primary_color") ?? "");
  const colours = (query.get("color_array") ?? "").split(",").map(readHex).filter((each) => each !== null);
  const theme = query.get("theme");
  return {
    embed: flag("embed"),
    hideHeader: flag("hide_header"),
    showDates: flag("show_daterange"),
    hideLegend: flag("hide_chart_legend"),
    hideAxisLabels: flag("hide_chart_axis_label"),
    filters: [...(flag("show_user_filters") ? ["user"] : []), ...(flag("show_company_filters") ? ["company"] : [])],
    zone: zoneOf(query.get("time_zone")),
    theme: theme === "light" || theme === "dark" ? theme : null,
    xLabel: words("chart_x_axis_label"),
    yLabel: words("chart_y_axis_label"),
    rulers: rulersOf(query),
    colours: { ...(primary ? { ...accents(primary), "--cat-1": "var(--accent)" } : {}), ...categories(colours) },
  };
}
