/** Light, dark, or what the system says; and the colours of the tokens as a canvas needs them. */
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
}

export const theme = signal<Theme>(stored());
/** Counts changes of the colours: what is drawn on a canvas must be drawn again. */
export const dressed = signal(0);

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? "system";
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
  try {
    if (theme.value === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme.value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  dress();
}

const inks = new Map<string, string>();
let probe: HTMLElement | undefined;

function dress(): void {
  inks.clear();
  dressed.value += 1;
}

export function watchSystem(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
}

/** A CSS colour, tokens and mixtures included, resolved for a canvas under the theme of now. */
export function ink(css: string): string {
  const known = inks.get(css);
  if (known) return known;
  if (!probe) {
    probe = document.createElement("i");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = "";
  probe.style.color = css;
  const resolved = getComputedStyle(probe).color;
  inks.set(css, resolved);
  return resolved;
}
