import { useEffect, useRef, useState } from "react";
import type { ApiError } from "../api/errors.ts";
import type { Comment } from "../api/types.ts";
import type { State } from "../live/connection.ts";
import type { Outgoing } from "../live/thread.ts";
import { useThread } from "../live/useThread.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { Time } from "./Badges.tsx";
import { Composer } from "./Composer.tsx";
import { FileList } from "./FileList.tsx";
import { Message } from "./Message.tsx";

/** `filesChanged`: a comment brought some, which are the ticket's. */
export function Conversation({ ticket, filesChanged }: { ticket: number; filesChanged: () => void }) {
  const [ended, setEnded] = useState<ApiError>();
  const { thread, state, send } = useThread(ticket, setEnded);
  const empty = thread.comments.length + thread.outgoing.length === 0;
  return (
    <section className="conversation" aria-label="Conversation">
      <div className="heading">
        <h2>Conversation</h2>
        <Connection state={state} />
      </div>
      {empty && state !== "connecting" && <p className="quiet">Nobody has said anything yet.</p>}
      <ol>
        {thread.comments.map((comment) => (
          <Said key={comment.id} comment={comment} />
        ))}
        {thread.outgoing.map((one) => (
          <OnItsWay key={one.client_id} outgoing={one} again={() => void send(one, one.client_id)} />
        ))}
      </ol>
      <Announcer comments={thread.comments} settled={state === "live" || state === "interrupted"} />
      {ended ? <Message kind="error">{ended.message}</Message> : <Composer ticket={ticket} send={(said) => void send(said)} filesChanged={filesChanged} />}
    </section>
  );
}

const STATES: Record<State, string> = {
  connecting: "Connecting …",
  live: "Live",
  interrupted: "Reconnecting …",
  ended: "Not connected",
};

function Connection({ state }: { state: State }) {
  return (
    <span className={`connection ${state}`} role="status">
      {STATES[state]}
    </span>
  );
}

function Said({ comment }: { comment: Comment }) {
  const { id } = useUser();
  const mine = comment.author.id === id;
  return (
    <li className={classes(mine && "mine", comment.internal && "internal")}>
      <p className="facts">
        <strong className="address">{mine ? "You" : called(comment.author)}</strong>
        {comment.internal && <Internal />}
        <Time at={comment.created_at} />
      </p>
      {comment.body && <p className="prose">{comment.body}</p>}
      <FileList ticket={comment.ticket} files={comment.attachments ?? []} />
    </li>
  );
}

function Internal() {
  return <span className="badge status-in_progress">Internal note</span>;
}

function classes(...names: (string | false | undefined)[]): string | undefined {
  return names.filter(Boolean).join(" ") || undefined;
}

function OnItsWay({ outgoing, again }: { outgoing: Outgoing; again: () => void }) {
  const { body, internal, files, failure } = outgoing;
  return (
    <li className={classes("mine pending", internal && "internal")}>
      <p className="facts">
        <strong>You</strong>
        {internal && <Internal />}
        <span>{failure ? "not sent" : "sending …"}</span>
      </p>
      {body && <p className="prose">{body}</p>}
      {files.map(({ id, name }) => (
        <p key={id}>{name}</p>
      ))}
      {failure && (
        <Message kind="error">
          {failure}{" "}
          <button className="plain" onClick={again}>
            Send again
          </button>
        </Message>
      )}
    </li>
  );
}

/** Reads out what others say from now on, not what was there already. */
function Announcer({ comments, settled }: { comments: readonly Comment[]; settled: boolean }) {
  const { id } = useUser();
  const heard = useRef<number>(undefined);
  const [words, setWords] = useState("");

  useEffect(() => {
    if (!settled) return;
    const since = heard.current;
    heard.current = comments.at(-1)?.id ?? 0;
    if (since === undefined) return;
    const fresh = comments.filter((comment) => comment.id > since && comment.author.id !== id);
    if (fresh.length > 0) setWords(fresh.map((comment) => `${called(comment.author)} says: ${comment.body}`).join("\n"));
  }, [comments, settled, id]);

  return (
    <div className="hidden" aria-live="polite">
      {words}
    </div>
  );
}
