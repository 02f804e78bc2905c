/** Explore: a question of one's own in the form that suits it, and boards of such views for everybody who looks. */
import { useEffect, useState } from "preact/hooks";
import { address, go, link } from "../address";
import { failureOf } from "../ask";
import { Top, Trouble } from "../frame/top";
import { seesAll } from "../me";
import { Chooser } from "../parts/chooser";
import { close, Dialog, float, floating } from "../parts/dialog";
import { Icon } from "../parts/words";
import { BoardPage } from "./board";
import { askBoards, boards, boardsFailure, keepBoard, type Board } from "./boards";
import { Composer } from "./composer";

/** As many boards as stand side by side; all of them are in the list. */
const SHOWN = 6;

export function Explore() {
  const { board, form } = address.value.own;
  const [removed, remove] = useState<Board | null>(null);
  const [said, say] = useState("");
  const all = seesAll();
  useEffect(() => {
    if (all) void askBoards();
  }, [all]);
  useEffect(() => {
    if (board) remove(null);
  }, [board]);
  const shown = board !== undefined && form === undefined ? board : null;
  const name = boards.value?.find((each) => each.id === shown)?.name;
  const restore = async (old: Board) => {
    try {
      await keepBoard({ ...old, version: 0 });
      go({ own: { board: old.id } });
    } catch (reason) {
      say(failureOf(reason).error);
    }
  };
  return (
    <>
      <Top title={shown ? (name ?? "Board") : "Explore"} {...(shown ? { crumb: <a class="crumb" href={link({ own: {} })}>Explore / </a> } : {})} />
      <Trouble />
      <main class="page">
        {all && <Tabs shown={shown} />}
        {removed && (
          <p class="notice quiet" role="status">
            <span>{said || `Removed the board “${removed.name}”.`}</span>
            <button type="button" class="btn" onClick={() => void restore(removed)}>Undo</button>
          </p>
        )}
        {shown ? <BoardPage key={shown} id={shown} onRemoved={(old) => { remove(old); say(""); go({ filters: [], own: {} }, "replace"); }} /> : <Composer />}
      </main>
    </>
  );
}

function Tabs({ shown }: { shown: string | null }) {
  const [typed, type] = useState("");
  const all = boards.value ?? [];
  const open = floating.value === "boards";
  const beside = all.filter((each, at) => at < SHOWN || each.id === shown);
  const to = (id: string) => link({ own: { board: id } });
  return (
    <nav class="boards" aria-label="Boards">
      <a href={link({ own: {} })} {...(shown ? {} : { "aria-current": "page" as const })}><Icon name="explore" />Question</a>
      {beside.map((each) => <a key={each.id} href={to(each.id)} {...(each.id === shown ? { "aria-current": "page" as const } : {})}>{each.name}</a>)}
      {boards.value && all.length === 0 && <span class="faint small">No board yet: a question that is saved makes one.</span>}
      {boardsFailure.value && !boards.value && <span class="faint small">The boards could not be read: {boardsFailure.value.error}</span>}
      {all.length > beside.length && <button type="button" class="btn" data-opens="boards" aria-haspopup="dialog" onClick={(event) => { type(""); float("boards", event.currentTarget); }}>All {all.length}<Icon name="down" /></button>}
      {open && (
        <Dialog what="boards" label="Boards" class="w-300">
          <Chooser
            items={all.filter((each) => each.name.toLowerCase().includes(typed.toLowerCase())).map((each) => ({ id: each.id, label: each.name, hint: each.views === 1 ? "1 view" : `${each.views} views`, chosen: each.id === shown, act: () => { close(); go({ own: { board: each.id } }); } }))}
            typed={typed} onType={type} placeholder="Board" empty="No board has such a name."
          />
        </Dialog>
      )}
    </nav>
  );
}
