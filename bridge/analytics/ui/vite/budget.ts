/** Fails the build when the first page of the dashboard, a public view, or the status page needs more script than it may: its module, all
 * that this imports at once, and the theme's; each packed by gzip as the server sends it. What is fetched later, the other
 * pages and the map, is not counted. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

export const MOST_BYTES = 70_000;

interface Chunk {
  type: string;
  fileName: string;
  /** Of an entry, what its page is called. */
  name?: string;
  code?: string;
  isEntry?: boolean;
  imports?: string[];
}

/** The bytes of a page's scripts before anything is fetched by them. */
export function firstBytes(bundle: Record<string, Chunk>, page: string, others: string[]): number {
  const names = Object.values(bundle).filter((chunk) => chunk.isEntry && chunk.name === page).map((chunk) => chunk.fileName);
  // An array grows while it is gone through: imports of imports are found as well.
  for (const name of names) names.push(...(bundle[name]?.imports ?? []).filter((each) => !names.includes(each)));
  return [...names.map((name) => bundle[name]?.code ?? ""), ...others].reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0);
}

export function budget() {
  return {
    name: "budget",
    generateBundle(_options: unknown, bundle: Record<string, Chunk>) {
      const theme = readFileSync(new URL("../public/theme.js", import.meta.url), "utf8");
      for (const [page, words, others] of [["index", "The first page", [theme]], ["public", "A public view", []], ["status", "The status page", []]] as const) {
        const bytes = firstBytes(bundle, page, [...others]);
        if (bytes > MOST_BYTES) throw new Error(`${words} needs ${bytes} bytes of script, packed; it may need ${MOST_BYTES}. Fetch later what it does not show at once.`);
        console.log(`${words} needs ${bytes} of ${MOST_BYTES} bytes of script, packed.`);
      }
    },
  };
}
