/** Whether any request is waiting for the site to come back; the page says so once, whoever waits. */

let waiting = 0;
const listeners = new Set<() => void>();

function change(by: number): void {
  waiting += by;
  listeners.forEach((listener) => listener());
}

export async function heldWhile<T>(work: () => Promise<T>): Promise<T> {
  change(1);
  try {
    return await work();
  } finally {
    change(-1);
  }
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function isHeld(): boolean {
  return waiting > 0;
}
