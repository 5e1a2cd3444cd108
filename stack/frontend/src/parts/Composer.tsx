import { useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import type { File as Attached, Said } from "../api/types.ts";
import { upload } from "../files.ts";
import { useAction } from "../hooks/useAction.ts";
import { useUser } from "../session.tsx";
import { Chooser } from "./Attachments.tsx";
import { Message } from "./Message.tsx";

type Props = { ticket: number; send: (said: Said) => void; filesChanged: () => void };

export function Composer({ ticket, send, filesChanged }: Props) {
  const { is_staff } = useUser();
  const [body, setBody] = useState("");
  const [internal, setInternal] = useState(false);
  const [files, setFiles] = useState<Attached[]>([]);
  const [failures, setFailures] = useState<string[]>([]);
  const form = useRef<HTMLFormElement>(null);
  // They are the ticket's at once; the comment only shows them.
  const attach = useAction(async (chosen: File[]) => {
    const done = await upload(ticket, chosen, () => {});
    setFiles((now) => [...now, ...done.attached]);
    setFailures(done.failures);
    filesChanged();
  });
  const submitted = (event: FormEvent) => {
    event.preventDefault();
    if (attach.busy || (!body.trim() && files.length === 0)) return;
    send({ body: body.trim(), internal, files });
    setBody("");
    setFiles([]);
    setFailures([]);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  return (
    <form ref={form} onSubmit={submitted} aria-busy={attach.busy}>
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
      <p className="quiet" role="status">
        {attach.busy ? "Sending files …" : files.map((file) => file.name).join(", ")}
      </p>
      {failures.length > 0 && <Message kind="error">Not attached: {failures.join("; ")}</Message>}
      <div className="send">
        <button className="primary">Send</button>
        {/* Whoever sees the ticket sees its files: an internal note has none. */}
        {!internal && <Chooser label="Attach files" busy={attach.busy} chosen={(chosen) => void attach.run(chosen)} />}
        {is_staff && files.length === 0 && (
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
