/** Adding and changing a filter: a field, an operator, values with their calls. */
import { useEffect, useState } from "preact/hooks";
import { address, go, withFilter, type Filter, type Operator } from "../address";
import { DIMENSIONS, fieldLabel, seen, valueLabel } from "../fields";
import { count } from "../format";
import { Chooser, type Item } from "../parts/chooser";
import { close, Dialog, floating } from "../parts/dialog";
import { useValues } from "../values";
import { codeWords } from "../codes";
import { beingEdited } from "./top";

const OPS: Operator[] = ["is", "not", "contains"];
const OP_WORDS: Record<string, string> = { is: "is", not: "is not", contains: "contains" };
/** Searched for a value before a field is chosen. */
const SEARCHED = ["api", "application", "user", "error_code", "backend"];

export function FilterChoice() {
  const open = floating.value === "filter";
  const [typed, type] = useState("");
  const [field, choose] = useState<string | null>(null);
  const [op, operate] = useState<Operator>("is");
  const [picked, pick] = useState<(string | null)[]>([]);
  const [old, keep] = useState<Filter | null>(null);
  useEffect(() => {
    if (!open) return;
    const filter = beingEdited();
    keep(filter);
    type(filter?.op === "contains" ? (filter.values[0] ?? "") : "");
    choose(filter?.field ?? null);
    operate(filter && OPS.includes(filter.op) ? filter.op : "is");
    pick(filter && filter.op !== "contains" ? filter.values : []);
  }, [open]);
  const asked = field ? [field] : typed.length > 1 ? SEARCHED.filter(seen) : [];
  const { found, waits } = useValues(asked, typed, field ? 50 : 4, open);
  if (!open) return null;

  const put = (filter: Filter | null) => {
    const rest = address.value.filters.filter((each) => each !== old && !(filter && each.field === filter.field && each.op === filter.op));
    close();
    go({ filters: filter ? [...rest, filter] : rest });
  };
  const items: Item[] = [];
  if (field === null) {
    const wanted = typed.toLowerCase();
    const fields = Object.entries(DIMENSIONS).filter(([name, one]) => seen(name) && (wanted ? one.label.toLowerCase().includes(wanted) || name.includes(wanted) : one.often));
    for (const [name, one] of fields.slice(0, wanted ? 8 : 40))
      items.push({ id: name, group: "Fields", label: one.label, act: () => { choose(name); type(""); } });
    for (const each of found)
      items.push({
        id: `${each.field}=${each.value}`, group: "Values", label: <>{fieldLabel(each.field)} is <b>{valueLabel(each.field, each.value)}</b></>, hint: count(each.calls),
        act: (alt) => { close(); go({ filters: withFilter(address.value.filters, each.field, alt ? "not" : "is", each.value) }); },
      });
  } else if (op === "contains") {
    if (typed) items.push({ id: "contains", label: <>{fieldLabel(field)} contains <b>{typed}</b></>, act: () => put({ field, op, values: [typed] }) });
  } else {
    const listed = [...found];
    if (!typed) for (const value of picked) if (!listed.some((each) => each.value === value)) listed.unshift({ field, value, calls: -1 });
    for (const each of listed) {
      const on = picked.includes(each.value);
      items.push({
        id: String(each.value), label: <>{valueLabel(field, each.value)}{field === "error_code" && each.value !== null && <span class="faint"> {codeWords(each.value, null).name}</span>}</>,
        hint: <>{on && "✓ "}{each.calls >= 0 && count(each.calls)}</>, chosen: on,
        act: () => pick(on ? picked.filter((one) => one !== each.value) : [...picked, each.value]),
      });
    }
    if (typed && !found.some((each) => each.value === typed) && !waits)
      items.push({ id: "typed", group: found.length ? "As typed" : "", label: <b>{typed}</b>, act: () => put({ field, op, values: [...picked, typed] }) });
  }
  return (
    <Dialog what="filter" label="Filter" class="w-360">
      {field !== null && (
        <p class="ops" role="group" aria-label="Operator">
          <b>{fieldLabel(field)}</b>
          {OPS.map((each) => <button key={each} class="btn" aria-pressed={each === op} onClick={() => operate(each)}>{OP_WORDS[each]}</button>)}
        </p>
      )}
      <Chooser
        key={field ?? ""}
        items={items}
        typed={typed}
        onType={type}
        placeholder={field === null ? "Field or value" : op === "contains" ? "Text" : "Value"}
        onBack={() => choose(null)}
        empty={waits ? "Looking …" : field !== null && op === "contains" ? "Type what it contains." : "Nothing like it in this period."}
        foot={
          field !== null && op !== "contains" && (
            <p class="foot">
              <span class="faint small">{picked.length === 0 ? "Choose one or several" : `${picked.length} chosen`}</span>
              {old && <button class="btn push" onClick={() => put(null)}>Remove</button>}
              <button class={`btn solid ${old ? "" : "push"}`} disabled={picked.length === 0} onClick={() => put({ field, op, values: picked })}>Apply</button>
            </p>
          )
        }
      />
    </Dialog>
  );
}
