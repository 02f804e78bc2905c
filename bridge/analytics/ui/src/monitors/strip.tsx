/** Ninety days of an endpoint, a bar each: as tall as it was measured, dark at its top by as much as it was down. */
import { useState } from "preact/hooks";
import { useWidth } from "../parts/spark";
import type { Day } from "./monitor";
import { lasting, uptime } from "./words";

const DAY_SECONDS = 86_400;
const LEAST_DOWN = 5;

export function dayWords(day: Day): string {
  const date = new Date(`${day.date}T00:00:00Z`).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).replace(",", "");
  if (day.uptime === null) return `${date}: not measured`;
  return `${date}: ${uptime(day.uptime)}${day.down_seconds > 0 ? `, down for ${lasting(day.down_seconds)}` : ""}`;
}

export function DayStrip({ days, label, height = 28 }: { days: Day[]; label: string; height?: number }) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [at, put] = useState<number | null>(null);
  // A phone has room for a month.
  const shown = width < 300 ? days.slice(-30) : width < 420 ? days.slice(-60) : days;
  const each = width / (shown.length || 1);
  const wide = Math.max(1, each - (each > 5 ? 2 : 1));
  const bad = shown.filter((day) => day.down_seconds > 0).length;
  const read = at === null ? undefined : shown[at];
  return (
    <div
      class={`days d-${height}`}
      ref={box}
      role="img"
      aria-label={`${label}, the last ${shown.length} days: ${bad === 0 ? "no day with an outage" : `${bad} ${bad === 1 ? "day" : "days"} with an outage`}`}
      onPointerMove={(event) => put(Math.max(0, Math.min(shown.length - 1, Math.floor((event.clientX - (box.current?.getBoundingClientRect().left ?? 0)) / each))))}
      onPointerLeave={() => put(null)}
    >
      {width > 0 && (
        <svg width={width} height={height}>
          {shown.map((day, place) => {
            const x = (place * each).toFixed(1);
            if (day.uptime === null) return <rect key={day.date} class="day-none" x={x} width={wide.toFixed(1)} y={height - 3} height="3" />;
            // Today is as tall as a whole day: what is not over yet is not missing.
            const known = place === shown.length - 1 ? 1 : Math.min(1, day.measured_seconds / DAY_SECONDS);
            const tall = Math.max(6, Math.round(height * known));
            const down = day.down_seconds > 0 ? Math.max(LEAST_DOWN, Math.round(tall * (1 - day.uptime))) : 0;
            return (
              <g key={day.date} class={at === place ? "day-on" : ""}>
                <rect class="day-up" x={x} width={wide.toFixed(1)} y={height - tall + (down ? down + 1 : 0)} height={Math.max(0, tall - (down ? down + 1 : 0))} />
                {down > 0 && <rect class="day-down" x={x} width={wide.toFixed(1)} y={height - tall} height={down} />}
              </g>
            );
          })}
        </svg>
      )}
      {read && <p class={`day-tip ${at !== null && at > shown.length / 2 ? "left" : ""}`}>{dayWords(read)}</p>}
    </div>
  );
}
