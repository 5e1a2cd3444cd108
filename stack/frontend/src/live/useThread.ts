import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { messaging } from "../api/calls.ts";
import { ApiError } from "../api/errors.ts";
import type { Said } from "../api/types.ts";
import { follow, type State } from "./connection.ts";
import { changed, EMPTY } from "./thread.ts";

/** A ticket's conversation: what it shows, how it is connected, and how to say something. */
export function useThread(ticket: number, onEnd: (error: ApiError) => void) {
  const [thread, change] = useReducer(changed, EMPTY);
  const [state, setState] = useState<State>("connecting");
  // What the stream has brought, not what one's own sending has: others may have written before that.
  const latest = useRef(0);
  const ended = useRef(onEnd);
  ended.current = onEnd;

  useEffect(() => {
    const end = new AbortController();
    void follow(
      ticket,
      {
        lastId: () => latest.current,
        arrived: (comments) => {
          latest.current = Math.max(latest.current, ...comments.map((comment) => comment.id));
          change({ type: "arrived", comments });
        },
        state: setState,
        ended: (error) => ended.current(error),
      },
      end.signal,
    );
    return () => end.abort();
  }, [ticket]);

  /** Shown at once. Sent again under the same id, a comment that did arrive the first time is not doubled. */
  const send = useCallback(
    async (said: Said, client_id: string = crypto.randomUUID()) => {
      change({ type: "sending", client_id, said });
      try {
        const comment = await messaging.send(ticket, said, client_id);
        change({ type: "arrived", comments: [comment] });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        change({ type: "failed", client_id, reason: error.fields.body ?? error.fields.attachments ?? error.message });
      }
    },
    [ticket],
  );

  return { thread, state, send };
}
