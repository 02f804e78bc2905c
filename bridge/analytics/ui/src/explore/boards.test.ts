import { expect, test } from "vitest";
import { idFor, moved } from "./boards";

test("an id is made of the name, and is nobody else's", () => {
  expect(idFor("Orders team", [])).toBe("orders-team");
  expect(idFor("Orders team", ["orders-team", "orders-team-2"])).toBe("orders-team-3");
  expect(idFor("Büro & Söhne – KI!", [])).toBe("buro-sohne-ki");
  expect(idFor("日本", [])).toBe("board");
  expect(idFor("x".repeat(100), ["x".repeat(56)])).toMatch(/^[a-z0-9][a-z0-9-]{0,63}$/);
});

test("an item moves and the others keep their order", () => {
  expect(moved(["a", "b", "c", "d"], 0, 2)).toEqual(["b", "c", "a", "d"]);
  expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
});
