import { useEffect, useId, useState, type ChangeEvent } from "react";
import type { Ticket } from "../api/types.ts";
import { upload } from "../files.ts";
import { useAction } from "../hooks/useAction.ts";
import { FileList } from "./FileList.tsx";
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
      <FileList ticket={ticket.id} files={ticket.attachments} />
      <Chooser label="Add files" busy={add.busy} chosen={(files) => void add.run(files)} />
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

type ChooserProps = { label: string; busy: boolean; chosen: (files: File[]) => void };

export function Chooser({ label, busy, chosen }: ChooserProps) {
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
        {label}
      </label>
    </p>
  );
}
