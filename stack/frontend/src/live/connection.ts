/** Keeps a conversation up to date: catches up over REST, then listens on a WebSocket, and again whenever that ends. */

import { auth, messaging } from "../api/calls.ts";
import { ApiError } from "../api/errors.ts";
import { pause } from "../api/http.ts";
import type { Comment } from "../api/types.ts";
import { Backoff } from "./backoff.ts";

export type State = "connecting" | "live" | "interrupted" | "ended";

type Frame = { type: "comment"; comment: Comment } | { type: "ping" } | { type: "pong" };

const PAGE = 100;
const PING_MS = 25_000;
const SILENCE_MS = 60_000;
const TOKEN_ENDED = 4401;

export type Listener = {
  lastId: () => number;
  arrived: (comments: Comment[]) => void;
  state: (state: State) => void;
  /** Nothing more will come: no session, or the ticket is not there for this person. */
  ended: (error: ApiError) => void;
};

export async function follow(ticket: number, listener: Listener, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff();
  while (!signal.aborted) {
    let livedMs = 0;
    try {
      await catchUp(ticket, listener, signal);
      const ended = await listen(ticket, listener, signal);
      if (signal.aborted) return;
      livedMs = ended.livedMs;
      // The socket cannot renew the session; a request can.
      if (ended.code === TOKEN_ENDED) await auth.me(signal);
      else listener.state("interrupted");
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if ([401, 403, 404].includes(error.status)) {
        listener.state("ended");
        return listener.ended(error);
      }
      listener.state("interrupted");
    }
    await pauseOrOnline(backoff.next(livedMs) * (0.75 + Math.random() / 2), signal);
  }
}

async function catchUp(ticket: number, listener: Listener, signal: AbortSignal): Promise<void> {
  for (let full = true; full; ) {
    const { results } = await messaging.comments(ticket, listener.lastId(), signal);
    listener.arrived(results);
    full = results.length >= PAGE;
  }
}

function listen(ticket: number, listener: Listener, signal: AbortSignal): Promise<{ livedMs: number; code: number }> {
  return new Promise((resolve) => {
    const socket = messaging.socket(ticket, listener.lastId());
    let openedAt: number | undefined;
    let heard = Date.now();
    // A connection that died without a word (a phone that changed networks) shows by its silence.
    const pulse = setInterval(() => {
      if (Date.now() - heard > SILENCE_MS) return finish(0);
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
    }, PING_MS);
    const finish = (code: number) => {
      clearInterval(pulse);
      signal.removeEventListener("abort", abandon);
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      resolve({ livedMs: openedAt ? Date.now() - openedAt : 0, code });
    };
    const abandon = () => finish(0);
    signal.addEventListener("abort", abandon);
    socket.onopen = () => {
      openedAt = Date.now();
      listener.state("live");
    };
    socket.onmessage = (message) => {
      heard = Date.now();
      const frame = JSON.parse(message.data as string) as Frame;
      if (frame.type === "comment") listener.arrived([frame.comment]);
      if (frame.type === "ping") socket.send('{"type":"pong"}');
    };
    socket.onclose = (event) => finish(event.code);
  });
}

/** Back on line is reason enough to try at once. */
async function pauseOrOnline(milliseconds: number, signal: AbortSignal): Promise<void> {
  const online = new AbortController();
  const wake = () => online.abort();
  window.addEventListener("online", wake, { once: true });
  try {
    await pause(milliseconds, AbortSignal.any([signal, online.signal]));
  } catch (woken) {
    if (!online.signal.aborted && !signal.aborted) throw woken;
  } finally {
    window.removeEventListener("online", wake);
  }
}
