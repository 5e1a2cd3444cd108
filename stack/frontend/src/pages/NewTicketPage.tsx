import { useState } from "react";
import { useLocation } from "wouter";
import { tickets } from "../api/calls.ts";
import type { Priority } from "../api/types.ts";
import { chosen, upload } from "../files.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field, TextArea } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { Page } from "../parts/Page.tsx";
import { PriorityChoice } from "../parts/PriorityChoice.tsx";

export function NewTicketPage() {
  const [, navigate] = useLocation();
  const [progress, setProgress] = useState("");
  const [key] = useState(() => crypto.randomUUID());
  const open = useAction(async (values: FormData) => {
    const ticket = await tickets.create({
      title: text(values, "title"),
      description: text(values, "description"),
      priority: text(values, "priority") as Priority,
    }, key);
    const files = chosen(values, "files");
    const { failures } = await upload(ticket.id, files, (done) => setProgress(`Sending file ${done + 1} of ${files.length} …`));
    // The ticket is there: what could not be attached is told on its own page, where it can be tried again.
    navigate(`/tickets/${ticket.id}`, { state: { failures } });
  });
  return (
    <Page title="New ticket" narrow>
      <Form submit="Open the ticket" busy={open.busy} error={open.error} onSubmit={open.run}>
        <Field label="Title" name="title" required maxLength={200} error={open.error} />
        <TextArea label="Description" name="description" rows={8} maxLength={20_000} error={open.error} />
        <PriorityChoice chosen="normal" />
        <Field label="Files" name="files" type="file" multiple hint="Up to 8 MB each." error={open.error} />
        <p className="quiet" role="status">
          {progress}
        </p>
      </Form>
    </Page>
  );
}
