import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFrom } from "../src/api/errors.ts";

test("an error of a field stands at its field", () => {
  const error = errorFrom(400, { email: ["enter a valid email address"], password: ["too short", "too common"] });
  assert.deepEqual(error.fields, { email: "Enter a valid email address.", password: "Too short too common." });
  assert.equal(error.message, "Please look at the marked fields.");
});

test("what no field stands for is the message", () => {
  assert.equal(errorFrom(400, { non_field_errors: ["dates overlap"] }).message, "Dates overlap.");
  assert.equal(errorFrom(401, { detail: "no such account" }).message, "No such account.");
});

test("a code tells an unverified account from a forbidden act", () => {
  assert.equal(errorFrom(403, { detail: "confirm your address first", code: "not_verified" }).code, "not_verified");
});

test("what nginx answers instead of a service is put calmly", () => {
  for (const status of [429, 502, 503, 504, 0]) {
    assert.match(errorFrom(status, { detail: "upstream" }).message, /moment/);
  }
  assert.match(errorFrom(500, undefined).message, /Something went wrong/);
});
