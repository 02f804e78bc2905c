/** Who asks, as the server sees it: what this token, or this machine without one, may do. Asked anew with each token. */
import { effect, signal } from "@preact/signals";
import { identity, request } from "./ask";

export type Scope = "ingest" | "read:data" | "read:events" | "create:workspaces" | "create:public_workspaces" | "delete:users" | "admin";
export interface Me {
  name: string;
  scopes: Scope[];
  /** Whether it sees a part of the events alone. */
  sandboxed: boolean;
  /** Whether it has monitors: an operator has all, a key its own. */
  monitors?: boolean;
}

export const me = signal<Me | null>(null);
/** Whether the server has said by now who asks, or that it does not know. */
export const met = signal(false);

/** Nothing that a caller may not do is shown: until the server has said who this is, nothing is. */
export const may = (scope: Scope): boolean => me.value !== null && (me.value.scopes.includes(scope) || me.value.scopes.includes("admin"));

/** Whether the caller sees everything there is. */
export const seesAll = (): boolean => me.value !== null && !me.value.sandboxed;

async function askMe(): Promise<void> {
  try {
    me.value = (await (await request("api/me")).json()) as Me;
  } catch {
    // Without a token that is known nothing is shown at all; the gate asks for one.
    me.value = null;
  }
  met.value = true;
}

export function keepMe(): void {
  effect(() => {
    void identity.value;
    void askMe();
  });
}
