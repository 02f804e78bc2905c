/** Lists of codes: what each means, what to do, who has most of it. */
import { address, filterLink } from "../address";
import { useAnswer } from "../ask";
import { codeWords, kindOf, statusWords } from "../codes";
import { clock, count, fullDay } from "../format";
import { length } from "../parts/list";
import { Panel } from "../parts/say";
import { Head, inkOf, Mark } from "../parts/words";
import { number, text, type Row } from "../questions";

/** Rows of codes; the backend's own answers have none and go by their status. */
export function CodeList({ rows, errors }: { rows: Row[]; errors: number | null }) {
  if (rows.length === 0) return <p class="none"><Mark kind="2xx" /> No errors in this period.</p>;
  const coded = rows.map((row) => ({ row, coded: row["error_code"] !== null, code: text(row, row["error_code"] === null ? "status" : "error_code"), name: codeWords(text(row, "error_code"), text(row, "status")).name }));
  const top = errors === null ? 0 : errors - rows.reduce((sum, row) => sum + (number(row, "errors") ?? 0), 0);
  return (
    <table>
      <thead><tr><th scope="col">WSO2 code, or the backend’s status</th><th scope="col" class="n w-num" aria-sort="descending">Calls</th></tr></thead>
      <tbody>
        {coded.map(({ row, coded: ours, code, name }) => {
          const field = ours ? "error_code" : "status";
          return <CodeRow key={`${field}${code ?? ""}${text(row, "status") ?? ""}`} row={row} kind={kindOf(text(row, "status"), text(row, "error_code"))} field={field} code={code} name={name} most={number(rows[0], "errors") ?? 1} />;
        })}
        {top > 0 && <tr class="rest"><td>others</td><td class="n">{count(top)}</td></tr>}
      </tbody>
    </table>
  );
}

function CodeRow({ row, kind, field, code, name, most }: { row: Row; kind: ReturnType<typeof kindOf>; field: string; code: string | null; name: string; most: number }) {
  const errors = number(row, "errors") ?? 0;
  return (
    <tr onClick={(event) => { if (!(event.target instanceof Element && event.target.closest("a"))) event.currentTarget.querySelector<HTMLElement>("a.row")?.click(); }}>
      <td class={`bar b${kind}`} ref={(element) => element?.style.setProperty("--v", String(errors / most))}>
        <div class="two">
          <span class={kind === "thr" ? "inkthr" : `ink${kind}`}><Mark kind={kind} /> <span class="mono">{code ?? "–"}</span></span>
          <a class="row" href={filterLink(field, code)} data-not={filterLink(field, code, "not")}>{name}</a>
        </div>
      </td>
      <td class="n">{count(errors)}</td>
    </tr>
  );
}

/** Each code with its meaning, what to do, who has most of it and when it was last. */
export function ErrorTable({ errors, limit = 10 }: { errors: number | null; limit?: number }) {
  const asked = useAnswer({ measures: ["errors", "last_seen"], by: ["error_code", "status"], order: "-errors", limit: limit + 6 }, "Errors");
  const who = useAnswer({ measures: ["errors"], by: ["error_code", "status", "application"], order: "-errors", limit: 200 });
  const { zone } = address.value;
  const most = new Map<string, string | null>();
  for (const row of who.answer?.rows ?? []) {
    const key = `${text(row, "error_code") ?? ""} ${text(row, "status") ?? ""}`;
    if (!most.has(key)) most.set(key, text(row, "application"));
  }
  return (
    <section class="a-err">
      <Head title="Errors" per="what they mean, and what to do" />
      <Panel asked={asked} rows={8}>
        {({ rows }) => {
          const wrong = rows.filter((row) => (number(row, "errors") ?? 0) > 0).slice(0, limit);
          if (wrong.length === 0) return <p class="none"><Mark kind="2xx" /> No errors in this period.</p>;
          const top = number(wrong[0], "errors") ?? 1;
          const left = errors === null ? 0 : errors - wrong.reduce((sum, row) => sum + (number(row, "errors") ?? 0), 0);
          return (
            <table class="codes">
              <thead><tr><th scope="col" class="w-code">Code</th><th scope="col">Meaning, and what to do</th><th scope="col" class="w-who wide">Most of it</th><th scope="col" class="n w-num" aria-sort="descending">Calls</th><th scope="col" class="n w-ms wide">Last</th></tr></thead>
              <tbody>
                {wrong.map((row) => {
                  const code = text(row, "error_code");
                  const status = text(row, "status");
                  const kind = kindOf(status, code);
                  const field = code === null ? "status" : "error_code";
                  const said = codeWords(code, status);
                  const last = text(row, "last_seen");
                  const caller = most.get(`${code ?? ""} ${status ?? ""}`);
                  return (
                    <tr key={`${code} ${status}`} onClick={(event) => { if (!(event.target instanceof Element && event.target.closest("a"))) event.currentTarget.querySelector<HTMLElement>("a.row")?.click(); }}>
                      <td><span class={inkOf(kind)}><Mark kind={kind} /> <span class="mono">{code ?? status ?? "–"}</span></span></td>
                      <td class={`bar b${kind}`} ref={length((number(row, "errors") ?? 0) / top)}>
                        <div class="two"><a class="row" href={filterLink(field, code ?? status)} data-not={filterLink(field, code ?? status, "not")}>{said.name}</a><span class="todo small cut wide">{code === null ? `${statusWords(status)}; ${said.cure.toLowerCase()}` : said.cure}</span></div>
                      </td>
                      <td class="wide soft cut">{caller === undefined ? "" : caller === null ? <span class="faint">not known</span> : <a href={filterLink("application", caller)}>{caller}</a>}</td>
                      <td class="n">{count(number(row, "errors") ?? 0)}</td>
                      <td class="n soft wide">{last && (Date.now() - Date.parse(last) < 86_400_000 ? clock(Date.parse(last), zone) : fullDay(Date.parse(last), zone).slice(0, -5))}</td>
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
