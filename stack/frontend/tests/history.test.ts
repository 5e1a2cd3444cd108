import assert from "node:assert/strict";
import { test } from "node:test";
import type { Flow } from "../src/api/types.ts";
import { happenings } from "../src/history.ts";

const ada = { id: 1, email: "ada@example.org" };
const bob = { id: 2, email: "bob@example.org" };

test("moves and all else are one history, in the order of time and in words", () => {
  const flow = {
    history: [{ at: "2026-01-01T10:00:03Z", by: bob, transition: "start", from: "open", to: "in_progress" }],
    entries: [
      { at: "2026-01-01T10:00:00.5Z", by: ada, kind: "opened", data: {} },
      { at: "2026-01-01T10:00:01Z", by: ada, kind: "edited", data: { title: { from: "A", to: "B" }, description: { from: "x", to: "y" } } },
      { at: "2026-01-01T10:00:04Z", by: bob, kind: "assigned", data: { from: null, to: bob } },
      { at: "2026-01-01T10:00:05Z", by: bob, kind: "assigned", data: { from: bob, to: null } },
      { at: "2026-01-01T10:00:02Z", by: ada, kind: "attached", data: { name: "a.txt" } },
    ],
  } as unknown as Flow;
  assert.deepEqual(
    happenings(flow, (person) => (person.id === 2 ? "You" : person.email)).map(({ by, what }) => [by.id, what]),
    [
      [1, "Opened"],
      [1, "Title: A → B; Description changed"],
      [1, "File a.txt"],
      [2, "Open → In progress"],
      [2, "Assigned to You"],
      [2, "Assigned to nobody"],
    ],
  );
});

test("of a description that was edited the history keeps what it was and what it became", () => {
  const edit = (data: object) => ({ history: [], entries: [{ at: "2026-01-01T10:00:00Z", by: ada, kind: "edited", data }] }) as unknown as Flow;
  const [long] = happenings(edit({ description: { from: "x", from_length: 300, to: "" } }), () => "");
  assert.deepEqual(long?.texts, { from: "x …", to: "" });
  const [title] = happenings(edit({ title: { from: "A", to: "B" } }), () => "");
  assert.equal(title?.texts, undefined);
});
