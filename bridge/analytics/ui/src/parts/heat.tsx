/** A heat map: one hue, six steps. Each cell says its number when pointed at, or by the key `t`, and filters when clicked. */
import type { Unit } from "../fields";
import { count, tick, words } from "../format";
import { level, Shades } from "./shades";
import { useTable } from "./table";

export interface Cell {
  value: number;
  href: string;
  title: string;
}

interface HeatProps {
  rows: { label: string; cells: (Cell | null)[] }[];
  heads: string[];
  /** Whether the numbers stand in the cells; else they are asked for. */
  numbers?: boolean;
  unit?: Unit;
  label?: string;
  class?: string;
}

export function Heat({ rows, heads, numbers = false, unit = "", label = "Heat map", class: own = "" }: HeatProps) {
  const table = useTable(label);
  const most = Math.max(1e-9, ...rows.flatMap((row) => row.cells.map((cell) => cell?.value ?? 0)));
  const said = (value: number) => (numbers && value > 0 ? (unit === "" ? count(value) : words(value, unit)) : table.on ? tick(value, unit, value) : "");
  const cells = (
    <table class={`heat-table ${own}`}>
      <thead>
        <tr>
          <td />
          {heads.map((head) => <th scope="col" key={head}>{head}</th>)}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.label}>
            <th scope="row" class="cut" title={row.label}>{row.label}</th>
            {row.cells.map((cell, at) => (
              <td key={heads[at]} class={cell ? `h${level(cell.value, most)}` : numbers ? "h0" : ""}>
                {cell && <a href={cell.href} title={cell.title} aria-label={cell.title}>{said(cell.value)}</a>}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
  if (numbers) return cells;
  return (
    <div class="plot static heated">
      {cells}
      <div class="under"><Shades most={most} unit={unit} none={unit === "%" ? "0%" : "none"} />{table.button}</div>
    </div>
  );
}
