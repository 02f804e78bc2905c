/** The values that a field has in this period, for suggestions. */
import { useEffect, useState } from "preact/hooks";
import { request, span } from "./ask";

export interface Found {
  field: string;
  value: string | null;
  calls: number;
}

export async function valuesOf(field: string, contains: string, limit: number, signal?: AbortSignal): Promise<Found[]> {
  const query = new URLSearchParams({ field, from: new Date(span.peek().from).toISOString(), to: new Date(span.peek().to).toISOString(), limit: String(limit) });
  if (contains) query.set("contains", contains);
  const response = await request(`api/values?${query}`, signal ? { signal } : {});
  const { values = [] } = (await response.json()) as { values?: { value: unknown; calls: number }[] };
  return values.map(({ value, calls }) => ({ field, value: value === null ? null : String(value), calls }));
}

/** Suggestions of several fields, asked when typing rests. */
export function useValues(fields: string[], contains: string, limit: number, on: boolean): { found: Found[]; waits: boolean } {
  const [found, put] = useState<Found[]>([]);
  const [waits, wait] = useState(false);
  const key = fields.join() + contains + on;
  useEffect(() => {
    if (!on || fields.length === 0) {
      put([]);
      wait(false);
      return undefined;
    }
    wait(true);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      Promise.all(fields.map((field) => valuesOf(field, contains, limit, abort.signal).catch(() => [] as Found[])))
        .then((lists) => {
          if (abort.signal.aborted) return;
          put(lists.flat());
          wait(false);
        })
        .catch(() => wait(false));
    }, 120);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  return { found, waits };
}
