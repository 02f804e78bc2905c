/** Boards, as the server keeps them for everybody who looks: read, kept with their version, removed. */
import { signal } from "@preact/signals";
import type { Filter } from "../address";
import { failureOf, request, type Failure } from "../ask";
import { readFilters, wireFilters, type WireFilter } from "../questions";
import { readView, writeView, type View, type WireView } from "./view";

export interface Board {
  id: string;
  /** 0 is one that is not kept yet. */
  version: number;
  name: string;
  /** They hold for all views. */
  filters: Filter[];
  views: View[];
}
export interface Listed {
  id: string;
  name: string;
  views: number;
}
interface WireBoard {
  id: string;
  version: number;
  name: string;
  filters: WireFilter[];
  views: WireView[];
}

export const MOST_VIEWS = 24;
export const boards = signal<Listed[] | null>(null);
export const boardsFailure = signal<Failure | null>(null);

const pathOf = (id: string) => `api/boards/${encodeURIComponent(id)}`;
const read = async (response: Response): Promise<Board> => {
  const { filters, views, ...rest } = (await response.json()) as WireBoard;
  return { ...rest, filters: readFilters(filters), views: views.map(readView) };
};

/** Counts what this page has changed: a list that was asked for before is older than what is known. */
let changes = 0;

export async function askBoards(): Promise<void> {
  const before = changes;
  try {
    const { boards: found } = (await (await request("api/boards")).json()) as { boards: Listed[] };
    boardsFailure.value = null;
    if (before === changes) boards.value = found;
    else await askBoards();
  } catch (reason) {
    boardsFailure.value = failureOf(reason);
  }
}

function list(id: string, now: Listed | null): void {
  changes += 1;
  const rest = (boards.peek() ?? []).filter((each) => each.id !== id);
  boards.value = now ? [...rest, now].toSorted((a, b) => a.name.localeCompare(b.name)) : rest;
}

export const askBoard = async (id: string) => read(await request(pathOf(id)));

/** Keeps a board in place of the version that it has; a Failure of status 409 says that somebody else was first. */
export async function keepBoard({ id, version, name, filters, views }: Board): Promise<Board> {
  const body = JSON.stringify({ version, name, filters: wireFilters(filters), views: views.map(writeView) });
  const kept = await read(await request(pathOf(id), { method: "PUT", body }));
  list(id, { id, name: kept.name, views: kept.views.length });
  return kept;
}

export async function removeBoard(id: string): Promise<void> {
  await request(pathOf(id), { method: "DELETE", headers: { "Content-Type": "application/json" } });
  list(id, null);
}

/** An id that reads like the name and that no board has. */
export function idFor(name: string, taken: string[]): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 56) || "board";
  let id = plain;
  for (let next = 2; taken.includes(id); next += 1) id = `${plain}-${next}`;
  return id;
}

/** The list with one of its items at another place. */
export function moved<T>(list: T[], from: number, to: number): T[] {
  const rest = list.filter((_, at) => at !== from);
  return [...rest.slice(0, to), list[from] as T, ...rest.slice(to)];
}
