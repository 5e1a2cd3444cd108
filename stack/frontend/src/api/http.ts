/** One way to ask the API: cookies carry the session; an expired one is renewed once; reads wait out a short outage. */

import { ApiError, errorFrom } from "./errors.ts";
import { heldWhile } from "./held.ts";
import { renewSession } from "./renew.ts";

const PATIENCE_MS = 45_000;
const PAUSES_MS = [1_000, 2_000, 3_000, 5_000];
const PASSING = new Set([0, 502, 503, 504]);
// A 401 of these is their answer, no sign of an expired session.
const WITHOUT_SESSION = /^\/api\/auth\/(login|register|verify|logout|refresh|password\/reset|email\/confirm)\//;

let sessionEnded = () => {};

/** Whoever knows who is logged in hears here that nobody is any more. */
export function onSessionEnd(listener: () => void): void {
  sessionEnded = listener;
}

export type Call = { method?: string; body?: unknown; signal?: AbortSignal; headers?: Record<string, string> };

export async function call<T>(path: string, { method = "GET", body, signal, headers }: Call = {}): Promise<T> {
  const once = () => send(path, method, body, signal, headers);
  const response = method === "GET" ? await patiently(once, signal) : await once();
  if (response.status === 401 && needsSession(path)) sessionEnded();
  if (!response.ok) throw errorFrom(response.status, await json(response));
  return (await json(response)) as T;
}

/** Asks again with what has been renewed; a session that cannot be renewed is the caller's 401. */
async function send(...[path, method, body, signal, headers]: Parameters<typeof attempt>): Promise<Response> {
  const asked = Date.now();
  const response = await attempt(path, method, body, signal, headers);
  if (response.status !== 401 || !needsSession(path)) return response;
  return (await renewSession(asked)) ? attempt(path, method, body, signal, headers) : response;
}

function needsSession(path: string): boolean {
  return !WITHOUT_SESSION.test(path);
}

async function attempt(path: string, method: string, body: unknown, signal?: AbortSignal, headers?: Record<string, string>): Promise<Response> {
  const init: RequestInit = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (body instanceof FormData) {
    init.body = body;
  } else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  try {
    return await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw errorFrom(0, null);
  }
}

async function patiently(once: () => Promise<Response>, signal?: AbortSignal): Promise<Response> {
  const deadline = Date.now() + PATIENCE_MS;
  const first = await outcome(once);
  if (!isPassing(first)) return settle(first);
  return heldWhile(async () => {
    let last = first;
    for (let turn = 0; isPassing(last) && Date.now() < deadline; turn++) {
      await pause(PAUSES_MS[Math.min(turn, PAUSES_MS.length - 1)]!, signal);
      last = await outcome(once);
    }
    return settle(last);
  });
}

type Outcome = Response | ApiError;

async function outcome(once: () => Promise<Response>): Promise<Outcome> {
  try {
    return await once();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function isPassing(result: Outcome): boolean {
  return PASSING.has(result.status);
}

function settle(result: Outcome): Response {
  if (result instanceof ApiError) throw result;
  return result;
}

export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // an HTML page of something in between: the status says enough
  }
}
