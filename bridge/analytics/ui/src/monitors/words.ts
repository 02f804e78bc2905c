/** How long, and how much of it: in the words of monitors. */

/** 100 only where nothing is missing; what is lost shows in the digits. */
export function uptime(share: number | null): string {
  if (share === null) return "–";
  if (share === 1) return "100%";
  const percent = Math.min(share * 100, 99.99);
  return `${percent.toFixed(percent >= 99 ? 2 : 1)}%`;
}

/** In the two largest units that say something: 2 h 5 min. */
export function lasting(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const units: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"]];
  const first = units.findIndex(([size]) => seconds >= size);
  const [size, name] = units[first] as [number, string];
  const whole = Math.floor(seconds / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds - whole * size) / next[0]) : 0;
  return rest && next ? `${whole} ${name} ${rest} ${next[1]}` : `${whole} ${name}`;
}

/** How many whole days there are until a time; below zero: it has passed. */
export const daysUntil = (time: string, now: number): number => Math.floor((Date.parse(time) - now) / 86_400_000);

/** A certificate that ends within two weeks is a reason to act. */
export const SOON_DAYS = 14;
