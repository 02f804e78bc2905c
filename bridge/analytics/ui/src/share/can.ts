/** Which pages can be shared, known before the dialog is fetched. */
import { only, type Address } from "../address";

export const CONSUMERS = ["user", "application", "company"];

/** Pages that somebody can be shown something of. */
export function canShare({ page, own }: Address): boolean {
  if (page === "explore") return own["board"] === undefined || own["form"] !== undefined;
  if (page === "apis") return typeof only("api") === "string";
  if (page === "consumers") return CONSUMERS.some((field) => typeof only(field) === "string");
  return page === "events";
}
