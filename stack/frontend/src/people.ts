import type { Someone } from "./api/types.ts";

/** A service of the release before says no names. */
export function called(person: Someone): string {
  return person.name || person.email;
}
