import { expect, test } from "vitest";
import { read } from "./erasures";

test("a receipt says no name any more, and where the data may still be", () => {
  const found = read({ id: "1", field: "user", value: null, keep: "counts", state: "done", asked: "2026-01-01T00:00:00Z", done: "2026-01-01T00:01:00Z", total: 3, events: 3, still_in: [{ where: "the journal of gw-1", until: "2026-01-08T00:00:00Z", about: "kept for a week" }, { where: "backups", until: null }] });
  expect(found).toMatchObject({ kind: "user", value: null, keepsCounts: true, state: "done", events: 3, still: [{ until: Date.UTC(2026, 0, 8) }, { until: null, about: "" }] });
});
