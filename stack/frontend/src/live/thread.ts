/** What a conversation shows: comments the server has, each once and in its order, and one's own that are on their way. */

import type { Comment, Said } from "../api/types.ts";

export type Outgoing = Said & { client_id: string; failure: string | null };
export type Thread = { comments: readonly Comment[]; outgoing: readonly Outgoing[] };

export type Change =
  | { type: "arrived"; comments: readonly Comment[] }
  | { type: "sending"; client_id: string; said: Said }
  | { type: "failed"; client_id: string; reason: string };

export const EMPTY: Thread = { comments: [], outgoing: [] };

export function changed(thread: Thread, change: Change): Thread {
  switch (change.type) {
    case "arrived":
      return arrived(thread, change.comments);
    case "sending": {
      const others = thread.outgoing.filter((one) => one.client_id !== change.client_id);
      const { client_id, said } = change;
      return { ...thread, outgoing: [...others, { ...said, client_id, failure: null }] };
    }
    case "failed": {
      const outgoing = thread.outgoing.map((one) =>
        one.client_id === change.client_id ? { ...one, failure: change.reason } : one,
      );
      return { ...thread, outgoing };
    }
  }
}

/** The same comment comes as the answer to sending it, over the socket and when catching up: it counts once. */
function arrived(thread: Thread, fresh: readonly Comment[]): Thread {
  const known = new Set(thread.comments.map((comment) => comment.id));
  const unseen = [...new Map(fresh.map((comment) => [comment.id, comment])).values()].filter(({ id }) => !known.has(id));
  const delivered = new Set(fresh.map((comment) => comment.client_id));
  const outgoing = thread.outgoing.filter((one) => !delivered.has(one.client_id));
  if (unseen.length === 0 && outgoing.length === thread.outgoing.length) return thread;
  return { comments: [...thread.comments, ...unseen].sort((one, other) => one.id - other.id), outgoing };
}
