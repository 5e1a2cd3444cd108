import assert from "node:assert/strict";
import { test } from "node:test";
import { accountToMove } from "../src/links.ts";

const token = (...said: unknown[]) => {
  const ascii = JSON.stringify(said).replace(/[^\0-~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `${Buffer.from(ascii).toString("base64url")}:1abcde:signature`;
};

test("the link that moves an account says which one", () => {
  assert.equal(accountToMove(token(7, "mark", "new@example.org", "ada@example.org")), "ada@example.org");
  assert.equal(accountToMove(token(7, "mark", "n@example.org", "ü?>~@example.org")), "ü?>~@example.org");
});

test("one of an older release, and what is no link, says none", () => {
  for (const other of [token(7, "mark", "new@example.org"), token(7, 8, 9, { a: 1 }), "", "x", "%%%:a:b", "bnVsbA:a:b"])
    assert.equal(accountToMove(other), undefined);
});
