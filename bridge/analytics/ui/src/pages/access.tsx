/** Access: who may call, and what is deleted for good. */
import { ManageTop, Trouble } from "../frame/top";

export function Access() {
  return (
    <>
      <ManageTop title="Access" />
      <Trouble />
      <main class="page" />
    </>
  );
}
