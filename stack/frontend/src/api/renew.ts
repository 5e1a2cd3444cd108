/** Renews the session once, however many requests and tabs find at the same time that it has expired. */

import { errorFrom } from "./errors.ts";

const RENEWED_AT = "session-renewed-at";

let underWay: Promise<boolean> | undefined;

/** True when requests sent at `askedAt` may be repeated, false when there is no session any more. */
export function renewSession(askedAt: number): Promise<boolean> {
  underWay ??= alone(() => renewUnlessDone(askedAt)).finally(() => (underWay = undefined));
  return underWay;
}

async function alone(work: () => Promise<boolean>): Promise<boolean> {
  // Other tabs of this browser share the cookie. Without locks the server forgives two within ten seconds.
  return "locks" in navigator ? navigator.locks.request("renew-session", work) : work();
}

async function renewUnlessDone(askedAt: number): Promise<boolean> {
  if (Number(localStorage.getItem(RENEWED_AT)) > askedAt) return true;
  const response = await fetch("/api/auth/refresh/", { method: "POST", credentials: "same-origin" }).catch(() => null);
  if (response?.ok) {
    localStorage.setItem(RENEWED_AT, String(Date.now()));
    return true;
  }
  const status = response?.status ?? 0;
  // Anything but a plain no says nothing about the session: the site may just be held.
  if (status < 400 || status >= 500 || status === 429) throw errorFrom(status, null);
  return false;
}
