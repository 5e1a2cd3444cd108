import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/live/backoff.ts";

function handshakesWithin(milliseconds: number, livedMs: number): number {
  const backoff = new Backoff();
  let tries = 0;
  for (let at = 0; at < milliseconds; at += livedMs + backoff.next(livedMs)) tries++;
  return tries;
}

test("a server that takes a connection and closes it at once is asked less and less", () => {
  assert.equal(handshakesWithin(10_000, 0), 5);
  assert.equal(handshakesWithin(10_000, 50), 5);
});

test("after one that lasted the next is tried at once", () => {
  const backoff = new Backoff();
  assert.deepEqual([0, 0, 0].map((lived) => backoff.next(lived)), [500, 1000, 2000]);
  assert.equal(backoff.next(900_000), 500);
  assert.equal(backoff.next(0), 1000);
});

test("nobody waits for ever", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 20 }, () => backoff.next(0));
  assert.equal(Math.max(...waits), 15_000);
});
