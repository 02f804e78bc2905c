/** The page around an embedded view: it may bring a renewed token, and is told when the one that is here is about to end.
 * The words are those that Moesif's portals know: SET_TOKEN in, REFRESH_TOKEN out. */
import { effect } from "@preact/signals";
import { carry, open, workspace } from "./workspace";

const EARLY_MS = 60_000;
/** Longer than a timer can be set. */
const MOST_MS = 2 ** 31 - 1;

/** Whether an origin is one of those that may show the view, as Content-Security-Policy reads them. */
export function fits(origin: string, ancestors: string[], self: string): boolean {
  return ancestors.some((each) => {
    if (each === "self") return origin === self;
    const star = /^(https?:\/\/)\*(\..+)$/.exec(each);
    return star ? origin.startsWith(star[1] ?? "") && origin.endsWith(star[2] ?? "") && origin.length > each.length - 1 : origin === each;
  });
}

/** How long until a renewed token is asked for: a minute before the end, or half of what is left where that is less. */
export function renewIn(expires: number, now: number): number {
  const left = expires - now;
  return Math.max(0, Math.min(MOST_MS, left > 2 * EARLY_MS ? left - EARLY_MS : left / 2));
}

export function listenToParent(): void {
  if (parent === window) return;
  const ancestors = document.querySelector<HTMLMetaElement>('meta[name="frame-ancestors"]')?.content.split(" ") ?? [];
  addEventListener("message", ({ source, origin, data }: MessageEvent<unknown>) => {
    const said = data as { type?: unknown; token?: unknown } | null;
    if (source !== parent || !fits(origin, ancestors, location.origin)) return;
    if (said?.type !== "SET_TOKEN" || typeof said.token !== "string" || !said.token) return;
    carry(said.token);
    void open();
  });
  // Nothing that is told is a secret, so that it may be told to whoever shows the view.
  const tell = (type: string) => parent.postMessage({ type }, "*");
  effect(() => {
    const expires = workspace.value?.expires;
    if (!expires) return undefined;
    const timer = setTimeout(() => tell("REFRESH_TOKEN"), renewIn(expires, Date.now()));
    return () => clearTimeout(timer);
  });
  tell("WORKSPACE_READY");
}
