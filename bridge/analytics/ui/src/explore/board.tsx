/** A board: views beside one another, each with its own filters, all with the board's and the address'. What is changed
 * is kept at once, for everybody; what is removed can be taken back. */
import { useEffect, useRef, useState } from "preact/hooks";
import { address, go, link } from "../address";
import { failureOf, type Failure } from "../ask";
import { fieldLabel } from "../fields";
import { filterWords } from "../frame/top";
import { may } from "../me";
import { Rows } from "../parts/say";
import { Icon, Mark } from "../parts/words";
import { wireFilters } from "../questions";
import { askBoard, keepBoard, moved, removeBoard, type Board } from "./boards";
import { WIDTHS } from "./save";
import { perWords, Shown } from "./shown";
import { ownOf, titleOf, type View } from "./view";

interface Undo {
  words: string;
  board: Board;
}

const COLLIDED = "Somebody else has changed this board. It is shown as it is now; your last change was not kept.";

export function BoardPage({ id, onRemoved }: { id: string; onRemoved: (board: Board) => void }) {
  const [board, put] = useState<Board | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [said, say] = useState("");
  const [undo, keepUndo] = useState<Undo | null>(null);
  const [edits, edit] = useState(false);
  const version = useRef(0);
  /** How often a change was not kept: those that were made on it before are of a board that is no more. */
  const collisions = useRef(0);
  const saving = useRef<Promise<void>>(Promise.resolve());
  const read = async () => {
    const found = await askBoard(id);
    version.current = found.version;
    put(found);
    fail(null);
  };
  useEffect(() => void read().catch((reason: unknown) => fail(failureOf(reason))), [id]);
  if (failure && !board) return <Missing failure={failure} id={id} onAgain={() => void read().catch((reason: unknown) => fail(failureOf(reason)))} />;
  if (!board) return <div class="board"><div class="view w3"><Rows count={12} waits /></div></div>;

  /** One after the other: each change replaces the version that the one before has made. */
  const change = (next: Board, undone: Undo | null = null) => {
    put(next);
    keepUndo(undone);
    say("");
    const made = collisions.current;
    saving.current = saving.current.then(async () => {
      if (made !== collisions.current) return;
      try {
        version.current = (await keepBoard({ ...next, version: version.current })).version;
      } catch (reason) {
        collisions.current += 1;
        const wrong = failureOf(reason);
        say(wrong.status === 409 ? COLLIDED : `Not kept: ${wrong.error} ${wrong.cure ?? ""}`);
        keepUndo(null);
        await read().catch(() => undefined);
      }
    });
  };
  const put1 = (at: number, view: View) => change({ ...board, views: board.views.map((each, place) => (place === at ? view : each)) });
  const { filters } = address.value;
  const remove = async () => {
    try {
      await saving.current;
      await removeBoard(board.id);
      onRemoved(board);
    } catch (reason) {
      say(`Not removed: ${failureOf(reason).error}`);
    }
  };
  return (
    <>
      <div class="board-head chips">
        {edits ? (
          <input class="field name" value={board.name} maxLength={100} aria-label="Name of the board" onChange={(event) => event.currentTarget.value.trim() ? change({ ...board, name: event.currentTarget.value.trim() }) : (event.currentTarget.value = board.name)} />
        ) : board.filters.length > 0 && <span class="small faint">On this board always</span>}
        {board.filters.map((filter) => {
          const words = `${fieldLabel(filter.field)} ${filterWords(filter).verb} ${filterWords(filter).value}`;
          return (
            <span class="chip locked" key={words}>
              <span><Icon name="lock" />{fieldLabel(filter.field)} {filterWords(filter).verb} <b>{filterWords(filter).value}</b></span>
              {edits && <button type="button" class="x" aria-label={`Remove from the board: ${words}`} title="Remove" onClick={() => change({ ...board, filters: board.filters.filter((each) => each !== filter) }, { words: `Removed the filter “${words}”.`, board })}><Icon name="x" /></button>}
            </span>
          );
        })}
        {edits && filters.length > 0 && (
          <button type="button" class="btn" title="They move from the address to the board and hold for everybody" onClick={() => { change({ ...board, filters: [...board.filters, ...filters] }); go({ filters: [] }, "replace"); }}>
            <Icon name="lock" />Keep the {filters.length === 1 ? "filter" : `${filters.length} filters`} with the board
          </button>
        )}
        <span class="push chips">
          {edits && <button type="button" class="btn" onClick={() => void remove()}>Remove the board</button>}
          {may("admin") && <a class="btn" href={link({ filters: [], own: { form: "time", measure: "calls", by: "api", board: board.id } })}><Icon name="plus" />View</a>}
          {may("admin") && <button type="button" class="btn edge" aria-pressed={edits} onClick={() => edit(!edits)}>{edits ? "Done" : "Arrange"}</button>}
        </span>
      </div>
      {(undo || said) && (
        <p class={`notice ${said ? "" : "quiet"}`} role="status">
          <span>{said || undo?.words}</span>
          {undo && <button type="button" class="btn" onClick={() => change({ ...undo.board, name: board.name })}>Undo</button>}
        </p>
      )}
      {board.views.length === 0 && (
        <div class="say first">
          <p>This board has no views.</p>
          <p>Ask a question, and save it here.</p>
          <div class="acts-line"><a class="btn edge" href={link({ filters: [], own: { form: "time", measure: "calls", by: "api", board: board.id } })}>Ask a question</a></div>
        </div>
      )}
      <div class="board">
        {board.views.map((view, at) => (
          <ViewOf
            key={keyOf(board.views, at)} view={view} board={board} at={at} edits={edits}
            onChange={(next) => put1(at, next)}
            onMove={(to) => change({ ...board, views: moved(board.views, at, to) })}
            onRemove={() => change({ ...board, views: board.views.filter((each) => each !== view) }, { words: `Removed “${view.title}”.`, board })}
          />
        ))}
      </div>
    </>
  );
}

/** Not read: somebody has removed it, or the server does not answer. */
function Missing({ failure, id, onAgain }: { failure: Failure; id: string; onAgain: () => void }) {
  const gone = failure.status === 404;
  return (
    <div class="say first" role="alert">
      <p><Mark kind={gone ? "off" : "5xx"} />{gone ? `There is no board “${id}”.` : failure.error}</p>
      <p>{gone ? "Somebody has removed it, or the address is not whole." : failure.cure}</p>
      <div class="acts-line">
        <a class="btn edge" href={link({ own: {} })}>Ask a question</a>
        <button type="button" class="btn" onClick={onAgain}>Try again</button>
      </div>
    </div>
  );
}

/** Of equal views each has its number, so that a view keeps its figures while it is moved. */
function keyOf(views: View[], at: number): string {
  const same = (view: View | undefined) => JSON.stringify([view?.form, view?.measures, view?.by, view?.filters]);
  const own = same(views[at]);
  return own + views.slice(0, at).filter((each) => same(each) === own).length;
}

interface ViewProps {
  view: View;
  board: Board;
  at: number;
  edits: boolean;
  onChange: (view: View) => void;
  onMove: (to: number) => void;
  onRemove: () => void;
}

function ViewOf({ view, board, at, edits, onChange, onMove, onRemove }: ViewProps) {
  const box = useRef<HTMLElement>(null);
  const own = { ...ownOf(view), board: board.id, view: String(at) };
  const twice = board.views.findIndex((each) => each.title === view.title) !== at;
  const move = (to: number) => {
    onMove(to);
    // The buttons go along; the focus stays with the view.
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(to < at ? ".earlier" : ".later")?.focus());
  };
  return (
    <section class={`view w${view.width} form-${view.form}`} ref={box} aria-label={view.title}>
      <div class="head">
        {edits ? (
          <input class="field name" value={view.title} maxLength={100} aria-label="Title of the view" onChange={(event) => onChange({ ...view, title: event.currentTarget.value.trim() || titleOf(view) })} />
        ) : (
          <h2 class="cut">{view.title}</h2>
        )}
        <span class="per cut">{[...view.filters.map((filter) => `${fieldLabel(filter.field)} ${filterWords(filter).verb} ${filterWords(filter).value}`), perWords(view)].join(", ")}</span>
        <a class="btn tight push open" href={link({ filters: view.filters, own })} title="Open the question" aria-label={`Open the question: ${view.title}`}><Icon name="explore" /></a>
      </div>
      {edits && (
        <div class="arrange chips" role="group" aria-label={`Arrange ${view.title}`}>
          <span class="joined">
            <button type="button" class="btn tight earlier" disabled={at === 0} title="Earlier" aria-label="Earlier" onClick={() => move(at - 1)}><Icon name="left" /></button>
            <button type="button" class="btn tight later" disabled={at === board.views.length - 1} title="Later" aria-label="Later" onClick={() => move(at + 1)}><Icon name="right" /></button>
          </span>
          <span class="joined" role="group" aria-label="Width">
            {WIDTHS.map(([width, words]) => <button type="button" key={width} class="btn tight" aria-pressed={width === view.width} title={words} aria-label={words} onClick={() => onChange({ ...view, width })}><i class={`cols-${width}`} /></button>)}
          </span>
          <button type="button" class="btn push" onClick={onRemove}>Remove</button>
        </div>
      )}
      <Shown key={JSON.stringify(wireFilters(view.filters))} view={view} also={[...board.filters, ...view.filters]} name={twice ? `${view.title} ${at + 1}` : view.title} />
    </section>
  );
}
