import type { Priority, Ticket } from "../api/types.ts";
import { day, label, moment } from "../format.ts";

export function StatusBadge({ status, name }: { status: string; name?: string | undefined }) {
  return <span className={`badge status-${status}`}>{name ?? label(status)}</span>;
}

export function PriorityBadge({ priority }: { priority: Priority }) {
  return <span className={`priority priority-${priority}`}>{label(priority)}</span>;
}

export function Due({ ticket }: { ticket: Pick<Ticket, "due_at" | "overdue"> }) {
  if (!ticket.due_at) return null;
  const when = <time dateTime={ticket.due_at}>{day(ticket.due_at)}</time>;
  return ticket.overdue ? <span className="overdue">Overdue since {when}</span> : <span>Due {when}</span>;
}

export function Time({ at }: { at: string }) {
  return <time dateTime={at}>{moment(at)}</time>;
}
