/** AI: tokens by model, vendor, API and application over time; guardrails that stepped in; MCP tools. */
import { address, type Filter } from "../address";
import { middle, useAnswer } from "../ask";
import { valueLabel } from "../fields";
import { Top, Trouble } from "../frame/top";
import { count, tick, words } from "../format";
import { axisOf, flagsOf, periodWords, useOver } from "../over";
import { Figures } from "../parts/figures";
import { Plot } from "../parts/plot";
import { Ranked } from "../parts/ranked";
import { Line, Reader, Swatch } from "../parts/reader";
import { groups, number, series } from "../questions";

const FIGURES = ["ai_total_tokens", "ai_prompt_tokens", "ai_completion_tokens", "calls", "latency_p95", "users"];
const WITH_MODEL: Filter[] = [{ field: "ai_model", op: "not", values: [null] }];

export function Ai() {
  const { compare } = address.value;
  const totals = useAnswer({ measures: FIGURES, compare, also: WITH_MODEL }, "Figures");
  const over = useOver(FIGURES, { also: WITH_MODEL });
  const row = totals.answer?.rows[0];
  const tokens = number(row, "ai_total_tokens");
  return (
    <>
      <Top title="AI" />
      <Trouble />
      <main class="page">
        <Figures specs={FIGURES.map((measure) => ({ measure, ...(measure === "calls" ? { label: "Calls of a model" } : {}) }))} totals={totals} over={over.asked} label={`Figures, ${periodWords()}`} />
        {number(row, "calls") === 0 ? (
          <div class="say"><p>No call of the {periodWords()} went to a model.</p><p>The gateway reports tokens for APIs of the type AI from version 4.5 on. MCP tools and guardrails stand below.</p></div>
        ) : (
          <Models />
        )}
        <div class="cols ai">
          <Ranked area="a-apis" title="Models" measure="ai_total_tokens" by={["ai_model", "ai_vendor"]} whole={tokens} also={WITH_MODEL} columns={["errors", "p95", "users"]} limit={10} empty="No model was called." />
          <Ranked area="a-codes" title="Vendors" measure="ai_total_tokens" by={["ai_vendor"]} whole={tokens} also={WITH_MODEL} empty="No model was called." />
          <Ranked area="a-apps" title="Applications" measure="ai_total_tokens" by={["application", "application_owner"]} whole={tokens} also={WITH_MODEL} empty="No model was called." />
          <Ranked area="a-users" title="APIs" measure="ai_total_tokens" by={["api", "version"]} whole={tokens} also={WITH_MODEL} empty="No model was called." />
          <Ranked area="a-slow" title="Users" measure="ai_total_tokens" by={["user"]} whole={tokens} also={WITH_MODEL} empty="No model was called." />
          <Ranked area="a-gates" title="MCP tools" by={["mcp_tool", "api"]} also={[{ field: "mcp_tool", op: "not", values: [null] }]} columns={["change", "errors", "p95", "users"]} empty="No MCP tool was called." />
          <Ranked area="a-books" title="Guardrails that stepped in" by={["guardrail", "api"]} also={[{ field: "guardrail", op: "not", values: [null] }]} empty="No guardrail stepped in." />
        </div>
      </main>
    </>
  );
}

function Models() {
  const asked = useAnswer({ measures: ["ai_total_tokens"], by: ["ai_model"], step: middle.value, order: "-ai_total_tokens", limit: 6, also: WITH_MODEL }, "Tokens over time");
  const axis = axisOf(asked);
  const layers = [...groups(asked.answer?.rows ?? [], ["ai_model"])]
    .map(([model, rows]) => ({ model, values: series(rows, "ai_total_tokens", axis.times, true) }))
    .map((layer) => ({ ...layer, sum: layer.values.reduce<number>((all, value) => all + (value ?? 0), 0) }))
    .toSorted((a, b) => b.sum - a.sum);
  return (
    <section class="series">
      <Reader axis={axis} label={`Tokens by model, ${periodWords()}`} read={(at) => layers.map((layer, index) => <Line key={layer.model} mark={<Swatch class={`box c${index + 1}`} />} name={valueLabel("ai_model", layer.model)} value={words(layer.values[at] ?? 0, "")} />)}>
        <h3>
          Tokens <span class="per">by model, {middle.value.words}, {periodWords()}</span>
          <ul class="legend">{layers.map((layer, index) => <li key={layer.model}><Swatch class={`box c${index + 1}`} />{layer.model} <span class="faint">{count(layer.sum)}</span></li>)}</ul>
        </h3>
        <Plot height={176} steps={axis.times.length} flags={flagsOf(axis)} tick={(value, top) => tick(value, "", top)} layers={layers.map((layer, index) => ({ name: layer.model, values: layer.values, as: "bars" as const, ink: `var(--cat-${index + 1})` }))} />
      </Reader>
    </section>
  );
}
