import assert from "node:assert/strict";
import { test } from "node:test";
import { called } from "../src/people.ts";

test("somebody is called by their name, or as a service of the release before says", () => {
  assert.equal(called({ id: 1, email: "", name: "Grace Hopper" }), "Grace Hopper");
  assert.equal(called({ id: 1, email: "a@example.org", name: "" }), "a@example.org");
  assert.equal(called({ id: 1, email: "a@example.org" }), "a@example.org");
});
