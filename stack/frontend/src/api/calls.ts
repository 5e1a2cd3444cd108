/** Every request this front end makes, by name. All same-origin: one build serves any domain. */

import { call } from "./http.ts";
import type { Attachment, Comment, Flow, Notifications, Outcome, Page, Said, StaffMember, Switch, Ticket, User } from "./types.ts";

const post = <T>(path: string, body?: unknown) => call<T>(path, { method: "POST", body });

export const auth = {
  me: (signal?: AbortSignal) => call<User>("/api/auth/me/", signal && { signal }),
  /** With a token the site sends no mail: one goes on without. */
  register: (email: string) => post<{ email: string; token: string | null }>("/api/auth/register/", { email }),
  verify: (token: string, password: string, first_name: string) =>
    post<{ email: string }>("/api/auth/verify/", { token, password, first_name }),
  verifyAgain: (email: string) => post<void>("/api/auth/verify/again/", { email }),
  login: (email: string, password: string) => post<{ user: User }>("/api/auth/login/", { email, password }),
  askForReset: (email: string) => post<void>("/api/auth/password/reset/", { email }),
  reset: (token: string, password: string) => post<{ email: string }>("/api/auth/password/reset/confirm/", { token, password }),
  changePassword: (current: string, password: string) => post<{ user: User }>("/api/auth/password/", { current, password }),
  askForAddress: (email: string, password: string) => post<void>("/api/auth/email/", { email, password }),
  confirmAddress: (token: string) => post<{ email: string }>("/api/auth/email/confirm/", { token }),
  rename: (first_name: string, last_name: string) =>
    call<User>("/api/auth/me/", { method: "PATCH", body: { first_name, last_name } }),
  logout: () => post<void>("/api/auth/logout/"),
  staff: (signal: AbortSignal) => call<StaffMember[]>("/api/auth/staff/", { signal }),
};

export type NewTicket = Pick<Ticket, "title" | "description" | "priority">;

/** Staff alone say when it is due. */
export type TicketChange = NewTicket & { due_at?: string | null };
/** What is done to many tickets: a person, or nobody, gets them, or they go to a step. */
export type Bulk = { assignee: number | null } | { to: string };

export const tickets = {
  list: (query: URLSearchParams, signal: AbortSignal) => call<Page<Ticket>>(`/api/tickets/?${query}`, { signal }),
  get: (id: number, signal: AbortSignal) => call<Ticket>(`/api/tickets/${id}/`, { signal }),
  /** `key` is the form's: sent again, it opens no second ticket. */
  create: (ticket: NewTicket, key: string) =>
    call<Ticket>("/api/tickets/", { method: "POST", body: ticket, headers: { "Idempotency-Key": key } }),
  change: (id: number, change: TicketChange) => call<Ticket>(`/api/tickets/${id}/`, { method: "PATCH", body: change }),
  exportPath: (query: URLSearchParams) => `/api/tickets/export/?${query}`,
  attach: (id: number, file: File) => {
    const form = new FormData();
    form.append("file", file);
    return post<Attachment>(`/api/tickets/${id}/attachments/`, form);
  },
  attachmentPath: (id: number, attachment: number) => `/api/tickets/${id}/attachments/${attachment}/`,
};

export const workflow = {
  get: (id: number, signal: AbortSignal) => call<Flow>(`/api/workflow/tickets/${id}/`, { signal }),
  move: (id: number, transition: string, version: number) =>
    post<Flow>(`/api/workflow/tickets/${id}/transitions/`, { transition, version }),
  assign: (id: number, person: number | null, version: number) =>
    call<Flow>(`/api/workflow/tickets/${id}/assignee/`, { method: "PUT", body: { id: person, version } }),
};

export const bulk = (ids: number[], what: Bulk) =>
  post<{ results: Outcome[] }>("/api/workflow/bulk/", { tickets: ids, ...what });

export const messaging = {
  comments: (id: number, after: number, signal: AbortSignal) =>
    call<{ results: Comment[] }>(`/api/messaging/tickets/${id}/comments/?after=${after}`, { signal }),
  send: (id: number, { body, internal, files }: Said, client_id: string) =>
    post<Comment>(`/api/messaging/tickets/${id}/comments/`, { body, internal, attachments: files.map((file) => file.id), client_id }),
  socket: (id: number, after: number) =>
    new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/tickets/${id}/?after=${after}`),
};

export const notifications = {
  list: (page: number, size: number, signal: AbortSignal) =>
    call<Notifications>(`/api/notifications/?page=${page}&page_size=${size}`, { signal }),
  unread: (signal: AbortSignal) => call<Notifications>("/api/notifications/?unread=true&page_size=1", { signal }),
  read: (id: number) => post<void>(`/api/notifications/${id}/read/`),
  readAll: () => post<void>("/api/notifications/read/"),
  switches: (signal: AbortSignal) => call<{ switches: Switch[] }>("/api/notifications/preferences/", { signal }),
  set: (one: Switch) => call<{ switches: Switch[] }>("/api/notifications/preferences/", { method: "PUT", body: one }),
};

export const release = (signal: AbortSignal) => call<{ release: string }>("/version/", { signal });
