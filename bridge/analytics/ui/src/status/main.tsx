/** The status page: what is public of the monitors, for everybody, without a login, a cookie or a token. */
import { signal } from "@preact/signals";
import { render } from "preact";
import { StatusPage } from "./page";
import type { Content } from "./content";
import "../styles/tokens.css";
import "../styles/dashboard.css";
import "../styles/monitors.css";
import "../styles/status.css";

const LOOK_MS = 30_000;
const content = signal<Content | "none" | null>(null);
/** Whether what stands there may have changed meanwhile. */
const stale = signal(false);

/** The same address with `.json` behind it, below whatever path a proxy gives the page. */
const source = `${location.pathname.replace(/\/+$/, "")}.json`;

async function look(): Promise<void> {
  try {
    const answer = await fetch(source);
    if (answer.status === 404) content.value = "none";
    else if (answer.ok) content.value = (await answer.json()) as Content;
    stale.value = !answer.ok && answer.status !== 404;
  } catch {
    stale.value = true;
  }
}

const page = document.getElementById("app");
if (page) render(<StatusPage content={content} stale={stale} />, page);
void look();
setInterval(() => document.visibilityState === "visible" && void look(), LOOK_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void look());
