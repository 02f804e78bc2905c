/** What floats: a popover under its button, or the palette in the middle. A modal dialog keeps the focus and knows Escape. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export type Floating = "period" | "filter" | "palette" | "zone" | "help" | "export" | "more" | "save" | "boards" | "share";
export const floating = signal<Floating | null>(null);
let anchor: Element | null = null;

/** Opens under the element that asked, or under the button that is marked for it. */
export function float(what: Floating, under?: Element | null): void {
  anchor = under ?? [...document.querySelectorAll(`[data-opens="${what}"]`)].find((each) => each.getClientRects().length > 0) ?? null;
  floating.value = what;
}
export const close = () => {
  floating.value = null;
};

export function Dialog({ what, label, centred = false, class: own = "", children }: { what: Floating; label: string; centred?: boolean; class?: string; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const open = floating.value === what;
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!dialog || !open) return undefined;
    dialog.showModal();
    if (!centred && anchor) {
      const under = anchor.getBoundingClientRect();
      dialog.style.setProperty("--x", `${Math.max(8, Math.min(under.left, innerWidth - dialog.offsetWidth - 8))}px`);
      dialog.style.setProperty("--y", `${under.bottom + 4}px`);
    }
    return () => dialog.close();
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={box}
      class={`pop ${centred ? "centred" : ""} ${own}`}
      aria-label={label}
      onClose={() => floating.value === what && close()}
      onCancel={close}
      onMouseDown={(event) => box.current !== null && event.target === box.current && outside(event, box.current) && close()}
    >
      {children}
    </dialog>
  );
}

function outside(event: MouseEvent, dialog: HTMLDialogElement): boolean {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}
