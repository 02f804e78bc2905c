/** A view's answer in its form. The question's filters hold beside those of the address. */
import type { Filter } from "../address";
import { useAnswer } from "../ask";
import { fieldLabel, MEASURES, valueLabel } from "../fields";
import { periodWords } from "../over";
import { callsColumn, measureColumn } from "../parts/columns";
import { List } from "../parts/list";
import { WorldMap } from "../parts/map";
import { NotExact } from "../parts/near";
import { leftOf, others } from "../parts/ranked";
import { Failed, Panel } from "../parts/say";
import { number, text, type Row } from "../questions";
import { Matrix } from "./matrix";
import { Newest } from "./newest";
import { Over } from "./over";
import { measureLabel, ROWS, type View } from "./view";
import { Wide } from "./wide";

export interface ShownProps {
  view: View;
  /** All that the view and its board ask for beside the address. */
  also: Filter[];
  /** Under which name its figures are exported; no two views of a page share one. */
  name: string;
  /** Alone on its page. */
  tall?: boolean;
  /** Called when the reader orders a table by another column. */
  onOrder?: (order: string) => void;
}

export function Shown(props: ShownProps) {
  switch (props.view.form) {
    case "time": return <Over {...props} />;
    case "segment": return <Bars {...props} />;
    case "table": return <Wide {...props} />;
    case "heatmap": return <Matrix {...props} />;
    case "map": return <Countries {...props} />;
    case "events": return <Newest {...props} />;
  }
}

/** The unit or the way of counting, and the period: what every heading says beside its title. */
export function perWords({ form, measures, limit }: View): string {
  const unit = { "": "", "%": "%", ms: "ms", bytes: "bytes", tokens: "tokens" }[MEASURES[measures[0] ?? ""]?.unit ?? ""];
  return [form === "events" ? `the newest ${limit ?? ROWS}` : form === "table" ? "" : unit, periodWords()].filter(Boolean).join(", ");
}

function Bars({ view, also, name }: ShownProps) {
  const { measures: [measure = "calls"], by, limit = ROWS } = view;
  const [first = "api", second] = by;
  const of = MEASURES[measure];
  const asked = useAnswer({ measures: [measure], by, order: `-${measure}`, limit, also }, name);
  const sum = useAnswer(of?.adds ? { measures: [measure], also } : null);
  return (
    <Panel asked={asked} rows={limit}>
      {({ rows, groups }) => (
        <List
          rows={rows.filter((row) => (number(row, measure) ?? 0) > 0)} field={first} bar={measure}
          columns={[measure === "calls" ? callsColumn : measureColumn(measure, measureLabel(measure), "w-num", { sorted: true })]}
          {...(second ? { head: `${fieldLabel(first)} and ${fieldLabel(second).toLowerCase()}`, beside: (row: Row) => valueLabel(second, text(row, second)) } : {})}
          rest={of?.adds && groups > rows.length ? { words: others(groups - rows.length), left: leftOf(rows, number(sum.answer?.rows[0], measure), measure) } : null}
          empty={`No ${measureLabel(measure).toLowerCase()} in this period.`}
        />
      )}
    </Panel>
  );
}

/** More than there are countries. */
const ALL = 300;

function Countries({ view, also, name }: ShownProps) {
  const { measures: [measure = "calls"] } = view;
  const more = measure === "calls" ? [] : ["calls"];
  const asked = useAnswer({ measures: [measure, ...more], by: ["country"], order: `-${measure}`, limit: ALL, also }, name);
  if (asked.failure && !asked.answer) return <Failed failure={asked.failure} />;
  return (
    <NotExact.Provider value={asked.answer?.approximate ?? null}>
      <WorldMap rows={asked.answer?.rows ?? []} measure={measure} more={more} label={`${measureLabel(measure)} by country, ${periodWords()}`} />
    </NotExact.Provider>
  );
}
