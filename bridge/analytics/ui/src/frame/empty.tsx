/** No call in this view: first run, or the filters leave nothing. Each says which, and the next step. */
import { address, link } from "../address";
import { useAnswer } from "../ask";
import { state } from "../books";
import { fieldLabel } from "../fields";
import { count } from "../format";
import { seesAll } from "../me";
import { number } from "../questions";
import { Mark } from "../parts/words";
import { Chip, filterWords } from "./top";
import { periodWords } from "../over";

export function Empty() {
  const known = state.value;
  if (known && known.events === 0) return <FirstRun />;
  return address.value.filters.length > 0 ? <Filtered /> : <Quiet />;
}

const TOML = `[apim.analytics]
enable = true
type = "elk"`;

function FirstRun() {
  const heard = (state.value?.senders.length ?? 0) > 0;
  return (
    <div class="say first">
      <p>No call has arrived yet.</p>
      <ul class="menu">
        <li><Mark kind="2xx" />The analytics process runs<span>version {state.value?.version}</span></li>
        <li><Mark kind={heard ? "2xx" : "off"} />A bridge is heard<span>{heard ? state.value?.senders.map((sender) => sender.name).join(", ") : "waiting"}</span></li>
        <li><Mark kind="3xx" />The gateway writes events<span>waiting</span></li>
      </ul>
      <p>Turn analytics on in the gateway’s <span class="mono">deployment.toml</span> and call an API:</p>
      <pre>{TOML}</pre>
      <div class="acts-line"><button class="btn edge" onClick={() => void navigator.clipboard.writeText(TOML)}>Copy</button></div>
    </div>
  );
}

function Filtered() {
  const { filters } = address.value;
  return (
    <div class="say first">
      <p>No call of the {periodWords()} matches {filters.length === 1 ? "this filter" : filters.length === 2 ? "both filters" : `all ${filters.length} filters`}.</p>
      <ul class="menu">
        {filters.map((filter) => <Without key={filter.field + filter.op} filter={filter} />)}
      </ul>
      <Longer />
    </div>
  );
}

function Without({ filter }: { filter: (typeof address.value.filters)[number] }) {
  const asked = useAnswer({ measures: ["calls"], without: [filter.field] });
  const calls = number(asked.answer?.rows[0], "calls");
  const { verb, value } = filterWords(filter);
  return (
    <li aria-label={`${fieldLabel(filter.field)} ${verb} ${value}`}>
      <Chip filter={filter} />
      <span>{calls === null ? "" : `without it ${count(calls)} calls`}</span>
    </li>
  );
}

function Quiet() {
  return (
    <div class="say first">
      <p>No calls in the {periodWords()}.</p>
      <p>{seesAll() ? "The gateways are heard when the foot of the navigation says so; then nobody called." : "When a call comes that you may see, it is shown here."}</p>
      <Longer />
    </div>
  );
}

function Longer() {
  return (
    <div class="acts-line">
      {[["-7d", "Last 7 days"], ["-30d", "Last 30 days"]].map(([from = "", words = ""]) => <a key={from} class="btn edge" href={link({ from, to: "now" })}>{words}</a>)}
      {address.value.filters.length > 0 && <a class="btn" href={link({ filters: [] })}>Clear all filters</a>}
    </div>
  );
}
