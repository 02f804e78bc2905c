/** How long something opens. */
export const ENDS: [after: string, words: string][] = [["1d", "After a day"], ["7d", "After 7 days"], ["30d", "After 30 days"], ["90d", "After 90 days"], ["365d", "After a year"], ["", "When it is taken back"]];

export function Ends({ label, value, onChange }: { label: string; value: string; onChange: (after: string) => void }) {
  return (
    <label><span>{label}</span>
      <select class="field" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {ENDS.map(([after, words]) => <option key={after} value={after} selected={after === value}>{words}</option>)}
      </select>
    </label>
  );
}
