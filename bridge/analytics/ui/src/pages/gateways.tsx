/** Each gateway's calls over time and when it was last heard: "no data" is not "no traffic". */
import { filterLink } from "../address";
import { fine, useAnswer } from "../ask";
import { late, silence, state } from "../books";
import { ago, count } from "../format";
import { periodWords, total } from "../over";
import { pick } from "../parts/list";
import { Panel } from "../parts/say";
import { Bars } from "../parts/spark";
import { Head, Mark } from "../parts/words";
import { groups, series } from "../questions";

export function Gateways() {
  const asked = useAnswer({ measures: ["calls"], by: ["instance"], step: fine.value, order: "-calls", limit: 20 }, "Gateways over time");
  const known = state.value;
  const times = asked.answer?.times ?? [];
  const found = groups(asked.answer?.rows ?? [], ["instance"]);
  const names = [...new Set([...(known?.senders.map((sender) => sender.name) ?? []), ...[...found.keys()].map((key) => (key === "\u0000" ? "" : key))])].filter((name) => name || found.has("\u0000"));
  const lines = names.map((name) => ({ name, sender: known?.senders.find((sender) => sender.name === name), values: thin(series(found.get(name || "\u0000") ?? [], "calls", times, true), 96) }));
  const top = Math.max(1, ...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  return (
    <section class="a-gates">
      <Head title="Gateways" per={`calls, one scale, ${periodWords()}`}>
        <ul class="legend">
          <li><svg width="12" height="10"><rect class="fill c-accent" y="2" width="12" height="8" /></svg>traffic</li>
          <li><svg width="12" height="10"><rect class="fill off" y="8" width="12" height="1" /></svg>no traffic</li>
          <li><svg width="12" height="10"><rect class="nodata" width="12" height="10" /></svg>no data</li>
        </ul>
      </Head>
      <Panel asked={asked} rows={4}>
        {() => (
          <table class="gates">
            <thead><tr><th scope="col" class="w-gate">Gateway</th><th scope="col">Calls over time</th><th scope="col" class="n w-num">Calls</th><th scope="col" class="n w-num" title="When its bridge was last heard">Heard</th><th scope="col" class="n w-num wide" title="Events that its bridge has yet to deliver">Waiting</th></tr></thead>
            <tbody>
              {lines.map(({ name, sender, values }) => {
                const quiet = sender && known ? late(sender, known.at) : false;
                const end = asked.answer?.span.to ?? 0;
                const first = times[0] ?? 0;
                const unknown = quiet && sender?.seen ? Math.max(0, Math.floor((sender.seen - first) / Math.max(1, end - first) * values.length)) : undefined;
                return (
                  <tr key={name} onClick={pick}>
                    <td><div class="two mid"><Mark kind={quiet ? "off" : sender ? "2xx" : "off"} late={quiet} /><a class={`row ${name ? "" : "missing"}`} href={filterLink("instance", name || null)} data-not={filterLink("instance", name || null, "not")}>{name || "No gateway named"}</a></div></td>
                    <td class="tight"><Bars values={values} top={top} {...(unknown === undefined ? {} : { unknownFrom: unknown })} /></td>
                    <td class="n">{count(total(values))}</td>
                    <td class={`n ${quiet ? "ink4xx" : "soft"}`}>{sender && known ? ago(silence(sender, known.at) ?? 0) : "–"}</td>
                    <td class="n soft wide">{sender?.pending === null || sender?.pending === undefined ? "–" : count(sender.pending)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </Panel>
    </section>
  );
}

function thin(values: (number | null)[], most: number): (number | null)[] {
  const each = Math.max(1, Math.ceil(values.length / most));
  return Array.from({ length: Math.ceil(values.length / each) }, (_, at) => total(values.slice(at * each, at * each + each)));
}
