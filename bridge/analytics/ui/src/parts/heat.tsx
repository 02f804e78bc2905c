/** A heat map: one hue, six steps. Each cell says its number when pointed at, filters when clicked. */
import { count } from "../format";

export interface Cell {
  value: number;
  href: string;
  title: string;
}

interface HeatProps {
  rows: { label: string; cells: (Cell | null)[] }[];
  heads: string[];
  /** Whether the numbers fit into the cells. */
  numbers?: boolean;
  class?: string;
}

/** Nothing is a step of its own; the others are shares of the most. */
export function level(value: number, most: number): number {
  return value <= 0 ? 0 : Math.min(5, 1 + Math.floor(Math.sqrt(value / most) * 4.999));
}

export function Heat({ rows, heads, numbers = false, class: own = "" }: HeatProps) {
  const most = Math.max(1, ...rows.flatMap((row) => row.cells.map((cell) => cell?.value ?? 0)));
  return (
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
                {cell && <a href={cell.href} title={cell.title} aria-label={cell.title}>{numbers && cell.value > 0 ? count(cell.value) : ""}</a>}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
