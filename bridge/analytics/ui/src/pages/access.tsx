/** Access: who may call, and what is deleted for good. */
import { Erasing } from "../access/erasing";
import { Tokens } from "../access/tokens";
import { ManageTop, Trouble } from "../frame/top";
import { may } from "../me";
import "../styles/manage.css";

export function Access() {
  return (
    <>
      <ManageTop title="Access" about="Who may call, and what is deleted for good" />
      <Trouble />
      <main class="page">
        <div class={`cols access ${may("admin") && may("delete:users") ? "" : "half"}`}>
          {may("admin") && <Tokens />}
          {may("delete:users") && <Erasing />}
        </div>
      </main>
    </>
  );
}
