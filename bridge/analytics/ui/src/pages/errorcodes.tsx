/** Lists of codes: what each means, what to do, who has most of it. */
import { address, link, withFilter } from "../address";
import { useAnswer } from "../ask";
import { codeWords, kindOf, statusWords } from "../codes";
import { clock, count, day } from "../format";
import { length, pick } from "../parts/list";
import { Panel } from "../parts/say";
import { Head, inkOf, Mark } from "../parts/words";
import { number, text, type Row } from "../questions";

/** A row's code, or the backend's status where the gateway only passed it on, and how both are filtered by. */
export function codeOf(row: Row) {
  const code = text(row, "error_code");
  const status = text(row, "status");
  const { filters } = address.value;
  const [field, value] = code === null ? ["status", status] as const : ["error_code", code] as const;
  const only = withFilter(filters, field, "is", value);
  return {
    said: value ?? "–",
    kind: kindOf(status, code),
    words: codeWords(code, status),
    errors: number(row, "errors") ?? 0,
    cure: code === null && status !== null ? `${statusWords(status) || `Status ${status}`}; see the backend’s own log` : codeWords(code, status).cure,
    // Of the gateway's own faults some have the same status.
    href: link({ filters: code === null ? withFilter(only, "kind", "is", "response") : only }),
    not: link({ filters: withFilter(filters, field, "not", value) }),
  };
}

const wrongOf = (rows: Row[], most: number) => rows.filter((row) => (number(row, "errors") ?? 0) > 0).slice(0, most);
const leftOf = (rows: Row[], errors: number | null) => (errors === null ? 0 : errors - rows.reduce((sum, row) => sum + (number(row, "errors") ?? 0), 0));
const NONE = <p class="none"><Mark kind="2xx" /> No errors in this period.</p>;
const key = (row: Row) => `${text(row, "error_code") ?? ""} ${text(row, "status") ?? ""}`;

/** Most errors, one line each. */
export function CodeList({ rows, errors }: { rows: Row[]; errors: number | null }) {
  const wrong = wrongOf(rows, 8);
  if (wrong.length === 0) return NONE;
  const left = leftOf(wrong, errors);
  return (
    <table>
      <thead><tr><th scope="col">WSO2 code, or the backend’s status</th><th scope="col" class="n w-num" aria-sort="descending">Calls</th></tr></thead>
      <tbody>
        {wrong.map((row) => {
          const { said, kind, words, href, not, cure, errors: here } = codeOf(row);
          return (
            <tr key={key(row)} onClick={pick}>
              <td class={`bar b${kind}`} ref={length(here / (number(wrong[0], "errors") ?? 1))}>
                <div class="two">
                  <span class={inkOf(kind)}><Mark kind={kind} /> <span class="mono">{said}</span></span>
                  <a class="row" href={href} data-not={not} title={`${words.name}. ${cure}.`}>{words.name}</a>
                </div>
              </td>
              <td class="n">{count(here)}</td>
            </tr>
          );
        })}
        {left > 0 && <tr class="rest"><td>others</td><td class="n">{count(left)}</td></tr>}
      </tbody>
    </table>
  );
}

/** Each code with its meaning, what to do, who has most of it and when it was last. */
export function ErrorTable({ errors, limit = 10 }: { errors: number | null; limit?: number }) {
  const asked = useAnswer({ measures: ["errors", "last_seen"], by: ["error_code", "status"], order: "-errors", limit: limit + 6 }, "Errors");
  const who = useAnswer({ measures: ["errors"], by: ["error_code", "status", "application"], order: "-errors", limit: 200 });
  const { zone } = address.value;
  const most = new Map<string, string | null>();
  for (const row of who.answer?.rows ?? []) if (!most.has(key(row))) most.set(key(row), text(row, "application"));
  const today = day(Date.now(), zone);
  const time = (at: number) => (day(at, zone) === today ? clock(at, zone) : day(at, zone).slice(4));
  return (
    <section class="a-err">
      <Head title="Errors" per="what they mean, and what to do" />
      <Panel asked={asked} rows={8}>
        {({ rows }) => {
          const wrong = wrongOf(rows, limit);
          if (wrong.length === 0) return NONE;
          const left = leftOf(wrong, errors);
          return (
            <table class="codes">
              <thead><tr><th scope="col" class="w-code">Code</th><th scope="col">Meaning, and what to do</th><th scope="col" class="w-who wide">Most of it</th><th scope="col" class="n w-num" aria-sort="descending">Calls</th><th scope="col" class="n w-ms wide">Last</th></tr></thead>
              <tbody>
                {wrong.map((row) => {
                  const { said, kind, words, href, not, cure, errors: here } = codeOf(row);
                  const last = text(row, "last_seen");
                  const caller = most.get(key(row));
                  return (
                    <tr key={key(row)} onClick={pick}>
                      <td><span class={inkOf(kind)}><Mark kind={kind} /> <span class="mono">{said}</span></span></td>
                      <td class={`bar b${kind}`} ref={length(here / (number(wrong[0], "errors") ?? 1))}>
                        <a class="row" href={href} data-not={not}>{words.name}</a>
                        <span class="todo small">{cure}</span>
                      </td>
                      <td class="wide soft cut">{caller === undefined ? "" : caller === null ? <span class="faint">not known</span> : <a href={link({ filters: withFilter(address.value.filters, "application", "is", caller) })} title={caller}>{caller}</a>}</td>
                      <td class="n">{count(here)}</td>
                      <td class="n soft wide">{last && time(Date.parse(last))}</td>
                    </tr>
                  );
                })}
                {left > 0 && <tr class="rest"><td /><td>others</td><td class="wide" /><td class="n">{count(left)}</td><td class="wide" /></tr>}
              </tbody>
            </table>
          );
        }}
      </Panel>
    </section>
  );
}
