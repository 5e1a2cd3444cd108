import { useState } from "react";
import { tickets } from "../api/calls.ts";
import type { Priority, Ticket } from "../api/types.ts";
import { dayOf, endOf } from "../format.ts";
import { useAction } from "../hooks/useAction.ts";
import { useUser } from "../session.tsx";
import { Field, TextArea } from "./Field.tsx";
import { Form, text } from "./Form.tsx";
import { PriorityChoice } from "./PriorityChoice.tsx";

/** Whoever sees a ticket may put it right; once it is closed, only staff. */
export function EditTicket({ ticket, closed, done }: { ticket: Ticket; closed: boolean; done: () => void }) {
  const { is_staff } = useUser();
  const [open, setOpen] = useState(false);
  const change = useAction(async (values: FormData) => {
    await tickets.change(ticket.id, {
      title: text(values, "title"),
      description: text(values, "description"),
      priority: text(values, "priority") as Priority,
      ...dueIfChanged(ticket, values),
    });
    setOpen(false);
    done();
  });
  if (closed && !is_staff) return null;
  if (!open) {
    return (
      <p>
        <button onClick={() => setOpen(true)}>Edit</button>
      </p>
    );
  }
  return (
    <div className="edit">
      <Form submit="Save" busy={change.busy} error={change.error} onSubmit={change.run}>
        <Field label="Title" name="title" required maxLength={200} defaultValue={ticket.title} error={change.error} autoFocus />
        <TextArea
          label="Description"
          name="description"
          rows={8}
          maxLength={20_000}
          defaultValue={ticket.description}
          error={change.error}
        />
        <PriorityChoice chosen={ticket.priority} />
        {is_staff && (
          <Field label="Due" name="due" type="date" defaultValue={dayOf(ticket.due_at)} error={change.error} hint="Empty: not due." />
        )}
      </Form>
      <button onClick={() => setOpen(false)}>Cancel</button>
    </div>
  );
}

/** A moment that a program set to the minute stays as it is while its day does. */
function dueIfChanged(ticket: Ticket, values: FormData): { due_at?: string | null } {
  const day = values.get("due");
  if (day === null || day === dayOf(ticket.due_at)) return {};
  return { due_at: endOf(String(day)) };
}
