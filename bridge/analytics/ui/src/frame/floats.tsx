/** What floats and is not typed into at once: fetched when the first of it is asked for, or while nobody waits. */
import { Export, Help, More } from "./help";

export function Floats() {
  return (
    <>
      <Help />
      <More />
      <Export />
    </>
  );
}
