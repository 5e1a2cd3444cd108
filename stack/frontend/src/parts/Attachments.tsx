import { useEffect, useId, useState, type ChangeEvent, type MouseEvent } from "react";
import { auth, tickets } from "../api/calls.ts";
import type { Ticket } from "../api/types.ts";
import { upload } from "../files.ts";
import { bytes } from "../format.ts";
import { useAction } from "../hooks/useAction.ts";
import { Message } from "./Message.tsx";

export function Attachments({ ticket, reload }: { ticket: Ticket; reload: () => void }) {
  const [failures, setFailures] = useState<string[]>(leftFromOpening);
  const [progress, setProgress] = useState("");
  useEffect(() => history.replaceState(null, ""), []); // told once
  const add = useAction(async (files: File[]) => {
    setFailures([]);
    const done = await upload(ticket.id, files, (index) => setProgress(`Sending file ${index + 1} of ${files.length} …`));
    setProgress("");
    setFailures(done.failures);
    reload();
  });
  return (
    <div className="attachments">
      <h2>Files</h2>
      {ticket.attachments.length > 0 && (
        <ul>
          {ticket.attachments.map(({ id, name, size }) => (
            <li key={id}>
              <Download path={tickets.attachmentPath(ticket.id, id)} name={name} /> <span className="quiet">{bytes(size)}</span>
            </li>
          ))}
        </ul>
      )}
      <Chooser busy={add.busy} chosen={(files) => void add.run(files)} />
      <p className="quiet" role="status">
        {progress}
      </p>
      {failures.length > 0 && (
        <Message kind="error">
          <p>Not attached:</p>
          <ul>
            {failures.map((failure) => (
              <li key={failure}>{failure}</li>
            ))}
          </ul>
        </Message>
      )}
    </div>
  );
}

function leftFromOpening(): string[] {
  const state: unknown = history.state;
  const failures = typeof state === "object" && state !== null && "failures" in state ? state.failures : [];
  return Array.isArray(failures) ? failures.map(String) : [];
}

/** A download is no request that could renew the session, so one that can goes before it. */
function Download({ path, name }: { path: string; name: string }) {
  const fetchIt = useAction(async () => {
    await auth.me();
    location.assign(path);
  });
  const clicked = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void fetchIt.run();
  };
  return (
    <>
      <a href={path} download={name} onClick={clicked}>
        {name}
      </a>
      {fetchIt.error && <span className="wrong"> {fetchIt.error.message}</span>}
    </>
  );
}

function Chooser({ busy, chosen }: { busy: boolean; chosen: (files: File[]) => void }) {
  const id = useId();
  const changed = (event: ChangeEvent<HTMLInputElement>) => {
    const files = [...(event.target.files ?? [])];
    event.target.value = "";
    if (files.length > 0) chosen(files);
  };
  return (
    <p className="chooser">
      <input className="hidden" id={id} type="file" multiple disabled={busy} onChange={changed} />
      <label className="button" htmlFor={id}>
        Add files
      </label>
    </p>
  );
}
