/** A field with a list under it: type, arrows, Enter; Alt and Enter for the second meaning. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "./words";

export interface Item {
  id: string;
  group?: string;
  icon?: ComponentChildren;
  label: ComponentChildren;
  hint?: ComponentChildren;
  chosen?: boolean;
  act: (alt: boolean) => void;
}

interface ChooserProps {
  items: Item[];
  typed: string;
  onType: (text: string) => void;
  placeholder: string;
  lead?: ComponentChildren;
  /** Backspace in an empty field. */
  onBack?: () => void;
  foot?: ComponentChildren;
  empty?: ComponentChildren;
}

export function Chooser({ items, typed, onType, placeholder, lead, onBack, foot, empty }: ChooserProps) {
  const [at, put] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  useEffect(() => put(0), [typed]);
  const active = Math.min(at, items.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [active]);
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      put((active + by + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      items[active]?.act(event.altKey);
    } else if (event.key === "Backspace" && typed === "") onBack?.();
  };
  return (
    <>
      <div class="ask">
        {lead ?? <Icon name="search" />}
        <input
          autofocus
          value={typed}
          placeholder={placeholder}
          aria-label={placeholder}
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={items[active] ? `${id}-${active}` : undefined}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => onType(event.currentTarget.value)}
          onKeyDown={key}
        />
        <kbd>Esc</kbd>
      </div>
      <ul class="menu scroll" role="listbox" id={id} ref={list} aria-label="Choices">
        {items.map((item, index) => (
          <>
            {item.group && item.group !== items[index - 1]?.group && <li class="group" role="presentation">{item.group}</li>}
            <li
              key={item.id}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === active}
              class={item.chosen ? "on" : ""}
              onPointerMove={() => put(index)}
              onClick={(event) => item.act(event.altKey)}
            >
              {item.icon}
              <span class="cut">{item.label}</span>
              <span>{item.hint}</span>
            </li>
          </>
        ))}
        {items.length === 0 && <li class="none">{empty ?? "Nothing found."}</li>}
      </ul>
      {foot}
    </>
  );
}
