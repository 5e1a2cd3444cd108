/** How long to wait before a connection is tried again: longer each time, until one has lasted. */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** One that opened and was closed at once (a server that is full) is no better than one that did not open. */
const LASTED_MS = 10_000;

export class Backoff {
  private wait = FIRST_PAUSE_MS;

  /** `livedMs`: how long the last one was open. */
  next(livedMs: number): number {
    if (livedMs >= LASTED_MS) this.wait = FIRST_PAUSE_MS;
    const now = this.wait;
    this.wait = Math.min(now * 2, LONGEST_PAUSE_MS);
    return now;
  }
}
