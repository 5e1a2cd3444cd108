/** What the services answer, as far as this front end reads it. */

export type User = { id: number; email: string; first_name: string; last_name: string; is_staff: boolean };
/** A customer is told no address but their own: then `email` is empty. `people.ts` says how somebody is called. */
export type Someone = { id: number; email: string; name?: string };
export type StaffMember = Someone & { name: string };

export const STATUSES = ["open", "in_progress", "resolved", "closed"] as const;
export const PRIORITIES = ["low", "normal", "high", "urgent"] as const;
export type Status = (typeof STATUSES)[number];
export type Priority = (typeof PRIORITIES)[number];

/** `image`: it may be shown in the page. A service of the release before does not say. */
export type File = { id: number; name: string; size: number; image?: boolean };
export type Attachment = File & { created_at: string };
export type Ticket = {
  id: number;
  title: string;
  description: string;
  priority: Priority;
  status: Status;
  owner: Someone;
  assignee: Someone | null;
  attachments: Attachment[];
  due_at?: string | null;
  overdue?: boolean;
  created_at: string;
  updated_at: string;
};

export type Page<T> = { count: number; next: string | null; previous: string | null; results: T[] };

export type Step = { key: string; name: string; final: boolean };
export type Outcome = { ticket: number; done: boolean; detail: string };
export type Transition = { key: string; name: string; to: string };
export type Move = { at: string; by: Someone; transition: string; from: string; to: string };
/** Of a long text, its beginning and how long it was. */
export type Change = { from: string; to: string; from_length?: number; to_length?: number };
export type Entry = { at: string; by: Someone } & (
  | { kind: "opened" | "deleted"; data: object }
  | { kind: "edited"; data: Record<string, Change> }
  | { kind: "attached" | "detached"; data: { name: string } }
  | { kind: "assigned"; data: { from: Someone | null; to: Someone | null } }
);
export type Flow = {
  ticket: number;
  step: Step;
  assignee: Someone | null;
  version: number;
  transitions: Transition[];
  history: Move[];
  entries: Entry[];
};

export type Comment = {
  id: number;
  ticket: number;
  author: Someone;
  body: string;
  /** Staff write and read these among themselves. */
  internal?: boolean;
  attachments?: File[];
  created_at: string;
  client_id: string | null;
};

/** What one says; files are the ticket's already. */
export type Said = { body: string; internal: boolean; files: readonly File[] };

export type Notification = {
  id: number;
  kind: string;
  text: string;
  ticket: number | null;
  created_at: string;
  read_at: string | null;
};
/** What one is told of, in the app and by mail. */
export type Switch = { kind: string; app: boolean; mail: boolean };
export type Notifications = Page<Notification> & { unread: number };
