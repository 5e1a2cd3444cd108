import type { TicketChange } from "./api/calls.ts";
import type { Ticket } from "./api/types.ts";

type Edited = Omit<TicketChange, "updated_at">;

/** What somebody made of the ticket that was `shown`, and nothing else, so that it undoes nothing that others did to it
 *  since. Where they changed the same, the time of what was shown makes the server refuse it. */
export function edits(shown: Ticket, now: Ticket, values: Edited): TicketChange {
  const names = (Object.keys(values) as (keyof Edited)[]).filter((name) => !same(values[name], shown[name]));
  const meanwhile = names.some((name) => !same(now[name], shown[name]));
  const changed: Edited = Object.fromEntries(names.map((name) => [name, values[name]]));
  return names.length === 0 ? {} : { ...changed, updated_at: (meanwhile ? shown : now).updated_at };
}

/** A text field ends its lines as it likes. */
function same(one: string | null | undefined, other: string | null | undefined): boolean {
  return one?.replace(/\r\n?/g, "\n") === other?.replace(/\r\n?/g, "\n");
}
