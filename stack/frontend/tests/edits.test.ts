import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ticket } from "../src/api/types.ts";
import { edits } from "../src/edits.ts";

const shown = { title: "Printer", description: "a\r\nb", priority: "low", due_at: null, updated_at: "1" } as Ticket;
const asShown = { title: "Printer", description: "a\nb", priority: "low" } as const;

test("only what differs is sent, as a change of the newest that is known", () => {
  const now = { ...shown, priority: "urgent", updated_at: "2" } as Ticket;
  assert.deepEqual(edits(shown, now, { ...asShown, title: "Scanner" }), { title: "Scanner", updated_at: "2" });
  assert.deepEqual(edits(shown, now, { ...asShown, due_at: "3" }), { due_at: "3", updated_at: "2" });
  assert.deepEqual(edits(shown, now, asShown), {});
});

test("where another changed the same meanwhile it is sent as a change of what was shown", () => {
  const now = { ...shown, title: "Fax", updated_at: "2" } as Ticket;
  assert.deepEqual(edits(shown, now, { ...asShown, title: "Scanner" }), { title: "Scanner", updated_at: "1" });
});
