/** Asking: four questions at a time, equal ones once, each cancelled when nobody waits for it any more.
 * A page keeps the figures that it has until the next ones are there. */
import { batch, computed, effect, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "./address";
import { resolve, step, within } from "./period";
import { read, wire, type Answer, type Question } from "./questions";
import { hasEvents, oldest } from "./books";

/** How this page asks. A public page lies deeper, brings a token of its own, and may ask less at a time and less often. */
export const asking = { root: "", headers: {} as Record<string, string>, atOnce: 4, leastMs: 5_000 };
/** Of an hour and less people look at what happens now. */
const LIVE_MS = 3_600_000;

/** Now, as all questions of the page see it; it moves when the page refreshes itself. */
export const now = signal(Date.now());
/** What a period may not leave: a workspace has bounds. */
export const bounds = signal<{ earliest: number | null; latest: number | null }>({ earliest: null, latest: null });
export const span = computed(() => within(resolve(address.value.from, address.value.to, now.value, address.value.zone, oldest.value), bounds.value));
/** How often the figures are asked anew. */
export const everyMs = computed(() => Math.max(asking.leastMs, span.value.to - span.value.from <= LIVE_MS ? 5_000 : 30_000));
export const fine = computed(() => step(span.value));
/** For stacked bars, which need room to tell their parts, and for quantiles, which need calls. */
export const middle = computed(() => step(span.value, 120));
export const coarse = computed(() => step(span.value, 32));
/** How many questions are out, and since when one has been waiting. */
export const waiting = signal(0);
export const waitingSince = signal<number | null>(null);
/** When figures last came, and what stands in their way since. */
export const updated = signal<number | null>(null);
export const trouble = signal<Failure | null>(null);
export const auto = signal(true);

export interface Failure {
  error: string;
  cure?: string;
  /** 0 when the server did not answer at all. */
  status: number;
  /** Whether a password would open it. */
  password?: boolean;
  /** When it may be asked again, in seconds, where the server says so. */
  after?: number;
}
export interface Asked {
  answer: Answer | null;
  failure: Failure | null;
  waits: boolean;
}

/** A token, where the server asks for one: kept for this tab alone, and sent as a header, never in an address. */
let token = "";
try {
  token = sessionStorage.getItem("token") ?? "";
} catch {
  // Without storage it is asked for anew.
}
/** Tries a token and keeps it if the server takes it; returns what stands against it. */
export async function giveToken(given: string): Promise<Failure | null> {
  const before = token;
  token = given.trim();
  try {
    await request("api/me");
  } catch (reason) {
    token = before;
    return failureOf(reason);
  }
  keepToken();
  refresh();
  return null;
}
export function forgetToken(): void {
  token = "";
  keepToken();
  refresh();
}
/** What needs the token itself: an API Analytics key is the name of its own data. */
export const withToken = <T>(act: (token: string) => T): T => act(token);
export const hasToken = () => token !== "";
/** Counts the tokens that this page has had: who asks is another with each. */
export const identity = signal(0);
function keepToken(): void {
  identity.value += 1;
  try {
    if (token) sessionStorage.setItem("token", token);
    else sessionStorage.removeItem("token");
  } catch {
    // See above.
  }
}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(asking.root + path, { ...options, headers: { ...(options.body ? { "Content-Type": "application/json" } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}), ...asking.headers, ...options.headers } });
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    const failure: Failure = { error: "The analytics process does not answer.", cure: "The bridge keeps every event until it is back.", status: 0 };
    trouble.value = failure;
    throw failure;
  }
  if (!response.ok) {
    const said = (await response.json().catch(() => ({}))) as { error?: string; cure?: string; password?: boolean };
    const after = Number(response.headers.get("Retry-After"));
    const failure: Failure = { error: said.error ?? `The server answered ${response.status}.`, ...(said.cure ? { cure: said.cure } : {}), ...(said.password ? { password: true } : {}), ...(after > 0 ? { after } : {}), status: response.status };
    // What a token may not is said where it would stand; without one, nothing can be shown at all.
    if (response.status === 401 || response.status === 429) trouble.value = failure;
    throw failure;
  }
  batch(() => {
    trouble.value = null;
    updated.value = Date.now();
  });
  return response;
}

interface Flight {
  promise: Promise<Answer>;
  abort: AbortController;
  readers: number;
}
const flights = new Map<string, Flight>();
const queue: (() => void)[] = [];
let running = 0;

async function turn(): Promise<void> {
  if (running >= asking.atOnce) await new Promise<void>((free) => queue.push(free));
  running += 1;
}
function done(): void {
  running -= 1;
  queue.shift()?.();
}

function depart(key: string): Flight {
  const abort = new AbortController();
  const fly = async (): Promise<Answer> => {
    waiting.value += 1;
    waitingSince.value ??= Date.now();
    try {
      await turn();
      try {
        abort.signal.throwIfAborted();
        return read(await (await request("api/query", { method: "POST", body: key, signal: abort.signal })).json());
      } finally {
        done();
      }
    } finally {
      waiting.value -= 1;
      if (waiting.value === 0) waitingSince.value = null;
      if (flights.get(key)?.abort === abort) flights.delete(key);
    }
  };
  const flight = { promise: fly(), abort, readers: 0 };
  flights.set(key, flight);
  return flight;
}

/** Ends all questions that are out; the panels say so and offer to try again. */
export function stop(): void {
  for (const flight of flights.values()) flight.abort.abort();
  flights.clear();
}

/** The named questions of the page that is open: what can be exported. */
export const exportable = signal<ReadonlyMap<string, Question>>(new Map());

function useExport(name: string | undefined, question: Question | null): void {
  const key = name && question ? name + JSON.stringify(question) : "";
  useEffect(() => {
    if (!name || !question) return undefined;
    exportable.value = new Map([...exportable.peek(), [name, question]]);
    return () => {
      exportable.value = new Map([...exportable.peek()].filter(([other]) => other !== name));
    };
  }, [key]);
}

/** The answer to a question over the address' period and filters, asked again whenever either changes. */
export function useAnswer(question: Question | null, name?: string): Asked {
  useExport(name, question);
  const { filters, zone } = address.value;
  const over = question?.always ? { from: Math.min(oldest.value ?? span.value.from, span.value.from), to: now.value } : span.value;
  const key = question ? JSON.stringify(wire(question, filters, over, zone)) : "";
  const [asked, put] = useState<Asked>({ answer: null, failure: null, waits: true });
  const [again, retry] = useState(0);
  const shape = useRef("");
  useEffect(() => {
    if (!key) return undefined;
    // Figures of another question are no figures of this one: only those of the same columns may stay.
    const columns = JSON.stringify([question?.measures, question?.by]);
    put((before) => ({ answer: shape.current === columns ? before.answer : null, failure: null, waits: true }));
    shape.current = columns;
    const flight = flights.get(key) ?? depart(key);
    flight.readers += 1;
    let left = false;
    flight.promise.then(
      (answer) => !left && put({ answer, failure: null, waits: false }),
      (reason: unknown) => !left && put((before) => ({ answer: before.answer, failure: failureOf(reason), waits: false })),
    );
    return () => {
      left = true;
      flight.readers -= 1;
      if (flight.readers === 0) {
        flight.abort.abort();
        // Whoever asks the same now gets an answer, not the end of this one.
        if (flights.get(key) === flight) flights.delete(key);
      }
    };
  }, [key, again]);
  useEffect(() => {
    retries.add(retry);
    return () => {
      retries.delete(retry);
    };
  }, []);
  return asked;
}

const retries = new Set<(change: (before: number) => number) => void>();
export function refresh(): void {
  batch(() => {
    now.value = Date.now();
    for (const retry of retries) retry((before) => before + 1);
  });
}

export function failureOf(reason: unknown): Failure {
  if (reason instanceof DOMException) return { error: "Stopped.", cure: "A shorter period or one more filter answers sooner.", status: -1 };
  if (typeof reason === "object" && reason !== null && "error" in reason) return reason as Failure;
  return { error: String(reason), status: -1 };
}

const LOOK_MS = 1_000;
const isDue = () => Date.now() - now.peek() >= everyMs.peek();
/** Moves now on while the page is seen, nothing is out and the period ends now. */
export function keepFresh(): void {
  setInterval(() => {
    const relative = address.value.to === "now";
    if (auto.value && relative && waiting.value === 0 && document.visibilityState === "visible" && isDue()) now.value = Date.now();
  }, LOOK_MS);
  // The first calls of all are seen at once.
  effect(() => {
    if (hasEvents.value) now.value = Date.now();
  });
  // A page that comes back, by Back or to the front, speaks of the present at once.
  effect(() => {
    void address.value;
    if (isDue()) now.value = Date.now();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && auto.value && isDue()) now.value = Date.now();
  });
}
