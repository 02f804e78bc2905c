/** The dialog that shares comes when it is asked for. */
import { signal } from "@preact/signals";
import { float } from "../parts/dialog";

const dialog = signal<typeof import("./dialog") | null>(null);

export async function share(): Promise<void> {
  dialog.value ??= await import("./dialog");
  float("share");
}

export function Shared() {
  const Share = dialog.value?.Share;
  return Share ? <Share /> : null;
}
