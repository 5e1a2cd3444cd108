import assert from "node:assert/strict";
import { test } from "node:test";
import { dayOf, endOf } from "../src/format.ts";

test("a day that was chosen is the day that is shown, and none stays none", () => {
  for (const date of ["2026-01-31", "2026-12-01", "2024-02-29"]) assert.equal(dayOf(endOf(date)), date);
  assert.deepEqual([endOf(""), dayOf(null), dayOf(undefined)], [null, "", ""]);
});
