import type { Priority } from "../api/types.ts";
import { label, moment } from "../format.ts";

export function StatusBadge({ status, name }: { status: string; name?: string | undefined }) {
  return <span className={`badge status-${status}`}>{name ?? label(status)}</span>;
}

export function PriorityBadge({ priority }: { priority: Priority }) {
  return <span className={`priority priority-${priority}`}>{label(priority)}</span>;
}

export function Time({ at }: { at: string }) {
  return <time dateTime={at}>{moment(at)}</time>;
}
