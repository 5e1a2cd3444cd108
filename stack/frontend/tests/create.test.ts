import assert from "node:assert/strict";
import { test } from "node:test";
import { tickets } from "../src/api/calls.ts";

test("opening a ticket says its form's key, so that sending it again opens no second one", async () => {
  const sent: RequestInit[] = [];
  globalThis.fetch = async (_: unknown, init?: RequestInit) => {
    sent.push(init ?? {});
    return new Response('{"id": 1}', { status: 201 });
  };
  for (let time = 0; time < 2; time++) await tickets.create({ title: "Printer", description: "", priority: "low" }, "of-the-form");
  const keys = sent.map((init) => new Headers(init.headers).get("Idempotency-Key"));
  assert.deepEqual(keys, ["of-the-form", "of-the-form"]);
});
