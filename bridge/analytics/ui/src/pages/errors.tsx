/** Errors: what kind, what it means, what to do, and who has it. */
import { address, filterLink, link, withFilter, type Filter } from "../address";
import { middle, useAnswer } from "../ask";
import { CLASS_NAMES, classOf, codeWords, kindOf, type ErrorClass } from "../codes";
import { fieldLabel, valueLabel } from "../fields";
import { Empty } from "../frame/empty";
import { Top, Trouble } from "../frame/top";
import { count, percent, tick, words } from "../format";
import { axisOf, flagsOf, gapsOf, periodWords, total, useOver } from "../over";
import { Figures } from "../parts/figures";
import { Heat } from "../parts/heat";
import { Plot } from "../parts/plot";
import { Ranked } from "../parts/ranked";
import { Line, Reader, Swatch } from "../parts/reader";
import { Panel } from "../parts/say";
import { Split } from "../parts/spark";
import { Head, Mark } from "../parts/words";
import { is, not, number, summed, text, type Row } from "../questions";
import { ErrorTable } from "./errorcodes";

const FIGURES = ["errors", "error_rate", "throttled", "calls"];
/** WSO2's classes, and what the backend said: from the ground up. */
const CLASSES: [ErrorClass, string][] = [
  ["TARGET_CONNECTIVITY", "var(--s5xx)"],
  ["MEDIATION", "color-mix(in oklab, var(--s5xx), var(--s4xx))"],
  ["OTHER", "var(--s3xx)"],
  ["GUARDRAIL_FAULT", "var(--cat-3)"],
  ["THROTTLED", "var(--thr)"],
  ["AUTH", "var(--s4xx)"],
  ["NO_RESOURCE", "color-mix(in oklab, var(--bg), var(--s4xx) 55%)"],
  ["BACKEND", "var(--part-back)"],
];

/** What a class is asked for by: its type, its codes where several classes share a type, or the backend's answers. */
function filterBy(name: ErrorClass, codes: string[]): Filter[] {
  const { filters } = address.value;
  if (name === "BACKEND") return [...withFilter(filters, "kind", "is", "response").filter((each) => each.field !== "status_class"), is("status_class", "4xx", "5xx")];
  if (codes.length === 0 || (name !== "OTHER" && name !== "MEDIATION" && name !== "NO_RESOURCE")) return withFilter(filters, "error_type", "is", name);
  return [...filters.filter((each) => each.field !== "error_code" || each.op !== "is"), is("error_code", ...codes)];
}

export function Errors() {
  const { compare } = address.value;
  const totals = useAnswer({ measures: FIGURES, compare }, "Figures");
  const over = useOver(FIGURES);
  const row = totals.answer?.rows[0];
  const errors = number(row, "errors");
  return (
    <>
      <Top title="Errors" />
      <Trouble />
      <main class="page">
        {number(row, "calls") === 0 ? <Empty /> : (
          <>
            <Figures specs={FIGURES.map((measure) => ({ measure }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
            <ByClass errors={errors} />
            <div class="cols errors">
              <ErrorTable errors={errors} limit={16} />
              <WhoSaid errors={errors} />
              <ApiByCode />
              <Throttled whole={number(row, "throttled")} />
              <Ranked area="a-apps" title="Applications" measure="errors" by={["application", "application_owner"]} whole={errors} columns={["rate"]} empty="No errors in this period." />
              <Ranked area="a-res" title="Resources" per="whose backend answered with an error" measure="errors" by={["resource", "api", "method"]} both={["api", "method"]} also={[not("resource", null)]} lead={(one) => <span class="faint small">{text(one, "method")}</span>} mono columns={["rate"]} empty="No backend answered with an error." />
              <Ranked area="a-users" title="Users" measure="errors" by={["user"]} whole={errors} columns={["rate"]} empty="No errors in this period." />
              <Ranked area="a-back" title="Backends" measure="errors" by={["backend"]} whole={errors} mono columns={["rate"]} empty="No backend answered with an error." />
            </div>
          </>
        )}
      </main>
    </>
  );
}

const MOST_GROUPS = 60;

function ByClass({ errors }: { errors: number | null }) {
  const asked = useAnswer({ measures: ["errors"], by: ["error_type", "error_code"], step: middle.value, order: "-errors", limit: MOST_GROUPS }, "Errors over time");
  const axis = axisOf(asked);
  const found = new Map<ErrorClass, Row[]>();
  for (const row of asked.answer?.rows ?? []) {
    const name = classOf(text(row, "error_type"), text(row, "error_code"));
    found.set(name, [...(found.get(name) ?? []), row]);
  }
  const layers = CLASSES.map(([type, ink]) => {
    const rows = found.get(type) ?? [];
    return { type, ink, values: summed(rows, "errors", axis.times), codes: [...new Set(rows.flatMap((row) => text(row, "error_code") ?? []))] };
  }).filter((layer) => total(layer.values) > 0);
  return (
    <section class="series">
      <Reader
        axis={axis}
        label={`Errors by class, ${periodWords()}`}
        read={(at) => layers.toReversed().map((layer) => <Line key={layer.type} mark={<Swatch class={`box e-${layer.type.toLowerCase()}`} />} name={CLASS_NAMES[layer.type]} value={words(layer.values[at] ?? 0, "")} />)}
      >
        <h3>
          Errors <span class="per"><b>{errors === null ? "–" : count(errors)}</b> {middle.value.words}, {periodWords()}</span>
          <ul class="legend">
            {layers.toReversed().map((layer) => (
              <li key={layer.type}><a href={link({ filters: filterBy(layer.type, layer.codes) })} title={`Only: ${CLASS_NAMES[layer.type]}`}><Swatch class={`box e-${layer.type.toLowerCase()}`} /> {CLASS_NAMES[layer.type]} <span class="faint">{count(total(layer.values))}</span></a></li>
            ))}
          </ul>
        </h3>
        <Plot
          height={176} steps={axis.times.length} flags={flagsOf(axis)} gaps={gapsOf(axis)} tick={(value, top) => tick(value, "", top)}
          layers={layers.map((layer) => ({ name: CLASS_NAMES[layer.type], values: layer.values, as: "bars" as const, ink: layer.ink }))}
        />
      </Reader>
    </section>
  );
}

function WhoSaid({ errors }: { errors: number | null }) {
  const asked = useAnswer({ measures: ["errors"], by: ["kind"] });
  const of = (kind: string) => number(asked.answer?.rows.find((row) => row["kind"] === kind), "errors") ?? 0;
  const rows: [string, string, string, string][] = [
    ["fault", "The gateway answered itself", "refused, throttled, or no backend reached", "c-accent"],
    ["response", "The backend answered", "with 4xx or 5xx, and the gateway passed it on", "c-back"],
  ];
  return (
    <section class="a-status">
      <Head title="Who said it" per="gateway or backend" />
      <Panel asked={asked} rows={3}>
        {() => (
          <>
            <div class="call"><Split height={12} top={errors ?? 1} parts={rows.map(([kind, , , own]) => ({ value: of(kind), class: own }))} /></div>
            <ul class="said">
              {rows.map(([kind, name, more, own]) => (
                <li key={kind}>
                  <a href={filterLink("kind", kind)} data-not={filterLink("kind", kind, "not")}><i class={`swatch box inl ${own}`} /> {name}</a>
                  <b>{count(of(kind))}<span class="u">{errors ? `${percent(of(kind) / errors)}%` : ""}</span></b>
                  <p class="small faint">{more}</p>
                </li>
              ))}
            </ul>
          </>
        )}
      </Panel>
    </section>
  );
}

const MOST_APIS = 10;
const MOST_CODES = 8;

function ApiByCode() {
  const asked = useAnswer({ measures: ["errors"], by: ["api", "error_code", "status"], order: "-errors", limit: 400 }, "API by code");
  return (
    <section class="a-heat">
      <Head title="API and code" per="errors; a cell filters by both" />
      <Panel asked={asked} rows={9}>
        {({ rows }) => {
          const wrong = rows.filter((row) => (number(row, "errors") ?? 0) > 0);
          const codeOf = (row: (typeof rows)[number]) => text(row, "error_code") ?? text(row, "status") ?? "–";
          const sums = (key: (row: (typeof rows)[number]) => string) => {
            const found = new Map<string, number>();
            for (const row of wrong) found.set(key(row), (found.get(key(row)) ?? 0) + (number(row, "errors") ?? 0));
            return [...found].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
          };
          const apis = sums((row) => text(row, "api") ?? "").slice(0, MOST_APIS);
          const codes = sums(codeOf).slice(0, MOST_CODES);
          if (apis.length === 0) return <p class="none">No errors in this period.</p>;
          return (
            <Heat
              numbers class="codes" heads={codes}
              rows={apis.map((api) => ({
                label: valueLabel("api", api || null),
                cells: codes.map((code) => {
                  const here = wrong.filter((row) => (text(row, "api") ?? "") === api && codeOf(row) === code);
                  const value = here.reduce((sum, row) => sum + (number(row, "errors") ?? 0), 0);
                  const field = here[0]?.["error_code"] === null || Number(code) < 600 ? "status" : "error_code";
                  const filters = withFilter(withFilter(address.value.filters, "api", "is", api || null), field, "is", code);
                  return value ? { value, href: link({ filters }), title: `${api}, ${code} ${codeWords(field === "status" ? null : code, code).name}: ${count(value)} errors` } : null;
                }),
              }))}
            />
          );
        }}
      </Panel>
    </section>
  );
}

function Throttled({ whole }: { whole: number | null }) {
  return (
    <Ranked
      area="a-thr" title="Throttled" per="which application, by which limit" measure="throttled" by={["application", "error_code"]} whole={whole} also={[is("error_type", "THROTTLED")]} limit={8}
      beside={(row) => <><Mark kind={kindOf(429)} /> {codeWords(text(row, "error_code"), 429).name.toLowerCase()}</>} empty={`No call was throttled. ${fieldLabel("error_code")}s 900800 to 900899 would stand here.`}
    />
  );
}
