/** How long a link opens, and with which password: the same for a first link and for further ones. */
import type { Terms } from "./workspaces";

export const ENDS: [after: string, words: string][] = [["1d", "After a day"], ["7d", "After 7 days"], ["30d", "After 30 days"], ["90d", "After 90 days"], ["365d", "After a year"], ["", "When it is withdrawn"]];
export const FIRST_TERMS: Terms = { expires: "30d", password: "", values: {} };

export function TermsFields({ terms, onChange }: { terms: Terms; onChange: (terms: Terms) => void }) {
  return (
    <>
      <label><span>The link ends</span>
        <select class="field" value={terms.expires} onChange={(event) => onChange({ ...terms, expires: event.currentTarget.value })}>
          {ENDS.map(([after, words]) => <option key={after} value={after} selected={after === terms.expires}>{words}</option>)}
        </select>
      </label>
      <label><span>Password</span><input class="field" type="text" autocomplete="off" spellcheck={false} maxLength={200} placeholder="None" value={terms.password} onInput={(event) => onChange({ ...terms, password: event.currentTarget.value })} /></label>
    </>
  );
}
