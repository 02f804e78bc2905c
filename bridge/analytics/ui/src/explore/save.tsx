/** Saving a question: under a title, on a board that is there or a new one; or in place of the view that it was opened from. */
import { useEffect, useState } from "preact/hooks";
import { failureOf, type Failure } from "../ask";
import { fieldLabel } from "../fields";
import { filterWords } from "../frame/top";
import { Dialog, floating } from "../parts/dialog";
import { askBoard, boards, idFor, keepBoard, MOST_VIEWS, type Board } from "./boards";
import type { Origin } from "./composer";
import type { View, Width } from "./view";

const NEW = "";
export const WIDTHS: [Width, string][] = [[1, "One column"], [2, "Two columns"], [3, "Full width"]];

/** Keeps what `change` makes of a board as it is now; once more if somebody else was first. */
async function put(id: string, change: (board: Board) => Board): Promise<void> {
  try {
    await keepBoard(change(await askBoard(id)));
  } catch (reason) {
    if (failureOf(reason).status !== 409) throw reason;
    await keepBoard(change(await askBoard(id)));
  }
}

const FULL: Failure = { error: `The board has ${MOST_VIEWS} views, which is as many as there may be.`, cure: "Save it on another one.", status: -1 };
const GONE: Failure = { error: "The view is not on its board any more: somebody else has moved or removed it.", cure: "Save it as a new one.", status: -1 };

export function Save({ view, origin, onDone }: { view: View; origin: Origin | null; onDone: (id: string) => void }) {
  const open = floating.value === "save";
  const kept = origin && origin.at !== null ? origin.board.views[origin.at] : undefined;
  const [title, type] = useState("");
  const [board, choose] = useState(NEW);
  const [name, call] = useState("");
  const [width, widen] = useState<Width>(1);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    if (!open) return;
    type(kept?.title ?? view.title);
    choose(origin?.board.id ?? NEW);
    call("");
    widen(kept?.width ?? (view.form === "segment" ? 1 : view.form === "time" || view.form === "map" ? 2 : 3));
    fail(null);
  }, [open]);
  if (!open) return null;
  const list = boards.value ?? [];
  const saved = { ...view, title: title.trim() || view.title, width };
  const save = async () => {
    try {
      if (board === NEW) {
        const called = name.trim() || saved.title;
        const id = idFor(called, list.map((each) => each.id));
        await keepBoard({ id, version: 0, name: called, filters: [], views: [saved] });
        return onDone(id);
      }
      await put(board, (now) => {
        if (kept && origin?.at !== null && origin?.at !== undefined && board === origin.board.id) {
          if (now.views[origin.at]?.title !== kept.title) throw GONE;
          return { ...now, views: now.views.map((each, at) => (at === origin.at ? saved : each)) };
        }
        if (now.views.length >= MOST_VIEWS) throw FULL;
        return { ...now, views: [...now.views, saved] };
      });
      return onDone(board);
    } catch (reason) {
      return fail(failureOf(reason));
    }
  };
  return (
    <Dialog what="save" label={kept ? "Save the change" : "Save the question"} class="w-360">
      <form class="save" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label><span>Title</span><input class="field" autofocus value={title} maxLength={100} placeholder={view.title} onInput={(event) => type(event.currentTarget.value)} /></label>
        <label>
          <span>On the board</span>
          <select class="field" value={board} onChange={(event) => choose(event.currentTarget.value)}>
            <option value={NEW} selected={board === NEW}>A new board</option>
            {list.map((each) => <option key={each.id} value={each.id} selected={each.id === board}>{each.name}</option>)}
          </select>
        </label>
        {board === NEW && <label><span>Its name</span><input class="field" value={name} maxLength={100} placeholder={saved.title} onInput={(event) => call(event.currentTarget.value)} /></label>}
        <fieldset>
          <legend>Width</legend>
          <span class="joined" role="group" aria-label="Width">{WIDTHS.map(([each, words]) => <button type="button" key={each} class="btn" aria-pressed={each === width} onClick={() => widen(each)}>{words}</button>)}</span>
        </fieldset>
        {view.filters.length > 0 && <p class="small faint">Saved with it: {view.filters.map((filter) => `${fieldLabel(filter.field)} ${filterWords(filter).verb} ${filterWords(filter).value}`).join(" · ")}. The period is the reader’s.</p>}
        {failure && <p class="ink5xx" role="alert">{failure.error} {failure.cure}</p>}
        <p class="foot"><span class="small faint">For everybody who looks at this store</span><button class="btn solid push">Save</button></p>
      </form>
    </Dialog>
  );
}
