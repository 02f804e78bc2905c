/** Columns that many lists share. */
import { address } from "../address";
import { MEASURES } from "../fields";
import { number, was, type Row } from "../questions";
import type { Column } from "./list";
import { Near } from "./near";
import { Delta, N } from "./words";

export const callsColumn: Column = { head: "Calls", width: "w-num", sorted: true, cell: (row) => <N value={number(row, "calls")} unit="" /> };

export const changeColumn: Column = {
  head: "Change",
  width: "w-pct",
  class: "wider prev soft small",
  cell: (row) => (address.value.compare ? <Delta now={number(row, "calls")} before={was(row, "calls")} unit="" good={0} /> : ""),
};

export const errorsColumn: Column = {
  head: "Errors",
  width: "w-pct",
  cell: (row) => {
    const rate = number(row, "error_rate");
    return <span class={rate !== null && rate > 0.04 ? "ink5xx" : "soft"}><N value={rate} unit="%" /></span>;
  },
};

/** In a list by errors the word is taken. */
export const rateColumn: Column = { ...errorsColumn, head: "Rate" };

export function measureColumn(measure: string, head: string, width = "w-ms", more: Partial<Column> = {}): Column {
  return { head: <><Near measure={measure} />{head}</>, width, cell: (row: Row) => <N value={number(row, measure)} unit={MEASURES[measure]?.unit ?? ""} />, ...more };
}
