import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import type { ApiError } from "../api/errors.ts";
import type { Comment } from "../api/types.ts";
import type { State } from "../live/connection.ts";
import type { Outgoing } from "../live/thread.ts";
import { useThread } from "../live/useThread.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { Time } from "./Badges.tsx";
import { Message } from "./Message.tsx";

export function Conversation({ ticket }: { ticket: number }) {
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
          <OnItsWay key={one.client_id} outgoing={one} again={() => void send(one.body, one.internal, one.client_id)} />
        ))}
      </ol>
      <Announcer comments={thread.comments} settled={state === "live" || state === "interrupted"} />
      {ended ? <Message kind="error">{ended.message}</Message> : <Composer send={(body, internal) => void send(body, internal)} />}
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
      <p className="prose">{comment.body}</p>
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
  const { body, internal, failure } = outgoing;
  return (
    <li className={classes("mine pending", internal && "internal")}>
      <p className="facts">
        <strong>You</strong>
        {internal && <Internal />}
        <span>{failure ? "not sent" : "sending …"}</span>
      </p>
      <p className="prose">{body}</p>
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

function Composer({ send }: { send: (body: string, internal: boolean) => void }) {
  const { is_staff } = useUser();
  const [body, setBody] = useState("");
  const [internal, setInternal] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const submitted = (event: FormEvent) => {
    event.preventDefault();
    if (!body.trim()) return;
    send(body.trim(), internal);
    setBody("");
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  return (
    <form ref={form} onSubmit={submitted}>
      <div className="field">
        <label htmlFor="comment">Your comment</label>
        <textarea
          id="comment"
          name="comment"
          rows={3}
          maxLength={10_000}
          value={body}
          onChange={(event) => setBody(event.target.value)}
          onKeyDown={pressed}
          aria-describedby="comment-hint"
        />
      </div>
      <div className="send">
        <button className="primary">Send</button>
        {is_staff && (
          <label className="check">
            <input type="checkbox" checked={internal} onChange={(event) => setInternal(event.target.checked)} />
            Internal note, only staff see it
          </label>
        )}
        <span className="quiet" id="comment-hint">
          Ctrl + Enter sends
        </span>
      </div>
    </form>
  );
}
