/** The log: pages of events, newest first, and what came since, which waits until it is asked for. */
import { batch, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { address, type Filter } from "../address";
import { failureOf, request, span, type Failure } from "../ask";
import { wireFilters } from "../questions";
import { callOf, type Call, type Raw } from "./event";

const PAGE = 100;
const PACE_SECONDS = 10;

export const calls = signal<Call[] | null>(null);
export const failure = signal<Failure | null>(null);
export const more = signal<string | null>(null);
export const loading = signal(false);
export const fresh = signal(0);
/** What came faster than the stream could be read: the store has it, the list not. */
export const missed = signal(0);
export const since = signal(Date.now());
export const pace = signal<number | null>(null);
export const paused = signal(false);

/** What a view asks for beside the address, always. */
export const also: { filters: Filter[] } = { filters: [] };
const wanted = () => wireFilters([...address.peek().filters, ...also.filters]);

/** Ends what is asked for the list that was there before. */
let reading = new AbortController();

async function page(cursor: string | null): Promise<void> {
  if (!cursor) {
    reading.abort();
    reading = new AbortController();
  }
  const { signal: mine } = reading;
  const { from, to } = span.peek();
  const ends = address.peek().to === "now" ? Date.now() + 60_000 : to;
  const query = new URLSearchParams({ filters: JSON.stringify(wanted()), from: new Date(from).toISOString(), to: new Date(ends).toISOString(), limit: String(PAGE) });
  if (cursor) query.set("cursor", cursor);
  loading.value = true;
  try {
    const body = (await (await request(`api/events?${query}`, { signal: mine })).json()) as { events: Raw[]; next: string | null };
    batch(() => {
      const known = new Set(cursor ? calls.value?.map((call) => call.id) : []);
      const found = body.events.map(callOf).filter((call) => !known.has(call.id));
      calls.value = cursor ? [...(calls.value ?? []), ...found] : found;
      more.value = body.next;
      failure.value = null;
    });
  } catch (reason) {
    if (!(reason instanceof DOMException)) failure.value = failureOf(reason);
  } finally {
    if (!mine.aborted) loading.value = false;
  }
}

export const older = () => (more.value && !loading.value ? page(more.value) : Promise.resolve());

/** Shows what waited: the newest page is read anew, so that nothing is left out that the stream did not carry. */
export function show(): void {
  batch(() => {
    fresh.value = 0;
    missed.value = 0;
    since.value = Date.now();
  });
  void page(null);
  scrollTo(0, 0);
}

/** Holds the log, or lets it go on from now. */
export function pause(): void {
  paused.value = !paused.value;
  if (!paused.value) show();
}

/** Reads the stream while the page is open and not paused; comes back after a break. */
async function listen(filters: string, abort: AbortSignal): Promise<void> {
  const recent: number[] = [];
  const began = Date.now();
  while (!abort.aborted) {
    try {
      const response = await request(`api/events/stream?${new URLSearchParams({ filters })}`, { signal: abort });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
        const lines = (rest + read.value).split("\n");
        rest = lines.pop() ?? "";
        const said = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Raw);
        missed.value += said.reduce((sum, { missed: left }) => sum + (typeof left === "number" ? left : 0), 0);
        const events = said.filter(({ id }) => id).length;
        if (events === 0) continue;
        const at = Date.now();
        recent.push(...Array.from({ length: events }, () => at));
        while ((recent[0] ?? at) < at - PACE_SECONDS * 1000) recent.shift();
        batch(() => {
          fresh.value += events;
          pace.value = recent.length / Math.max(2, Math.min(PACE_SECONDS, (at - began) / 1000));
        });
      }
    } catch {
      // The notice says what stands in the way.
    }
    await new Promise((again) => setTimeout(again, 2000));
  }
}

export function useLog(): void {
  const { filters, from, to } = address.value;
  const key = JSON.stringify([wireFilters(filters), from, to]);
  const live = to === "now" && !paused.value;
  useEffect(() => {
    batch(() => {
      calls.value = null;
      fresh.value = 0;
      missed.value = 0;
      since.value = Date.now();
    });
    void page(null);
    return () => reading.abort();
  }, [key]);
  useEffect(() => {
    if (!live) return undefined;
    const abort = new AbortController();
    void listen(JSON.stringify(wanted()), abort.signal);
    return () => {
      abort.abort();
      pace.value = null;
    };
  }, [key, live]);
}
