import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comment } from "../src/api/types.ts";
import { changed, EMPTY, type Change } from "../src/live/thread.ts";

const comment = (id: number, client_id: string | null = null): Comment => ({
  id,
  ticket: 1,
  author: { id: 7, email: "ada@example.org" },
  body: `comment ${id}`,
  created_at: "2026-01-01T00:00:00Z",
  client_id,
});
const after = (...changes: Change[]) => changes.reduce(changed, EMPTY);
const arrived = (...comments: Comment[]): Change => ({ type: "arrived", comments });
const sending = (client_id: string): Change => ({ type: "sending", client_id, said: { body: "hello", internal: false, files: [] } });
const ids = (thread: typeof EMPTY) => thread.comments.map(({ id }) => id);

test("a comment that comes by several ways is shown once, in the server's order", () => {
  const thread = after(arrived(comment(3)), arrived(comment(1), comment(3), comment(2), comment(2)));
  assert.deepEqual(ids(thread), [1, 2, 3]);
});

test("one's own comment is shown while it travels and not doubled when the socket is faster than the answer", () => {
  const sent = after(sending("a"), sending("b"));
  assert.deepEqual(sent.outgoing.map(({ client_id }) => client_id), ["a", "b"]);
  const socket = changed(sent, arrived(comment(1, "a")));
  const answer = changed(socket, arrived(comment(1, "a")));
  assert.deepEqual([ids(answer), answer.outgoing.length], [[1], 1]);
});

test("one that failed can be sent again under its id", () => {
  const failed = after(sending("a"), { type: "failed", client_id: "a", reason: "held" });
  assert.equal(failed.outgoing[0]?.failure, "held");
  const again = changed(failed, sending("a"));
  assert.deepEqual(again.outgoing, [{ client_id: "a", body: "hello", internal: false, files: [], failure: null }]);
});

test("an answer that was lost is made up for by catching up", () => {
  const thread = after(sending("a"), { type: "failed", client_id: "a", reason: "no connection" }, arrived(comment(5, "a")));
  assert.deepEqual([ids(thread), thread.outgoing], [[5], []]);
});

test("nothing new is no change, so that nothing is drawn again", () => {
  const thread = after(arrived(comment(1)));
  assert.equal(changed(thread, arrived(comment(1))), thread);
});
