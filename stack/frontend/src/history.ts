import type { Entry, Flow, Someone } from "./api/types.ts";
import { day, label } from "./format.ts";

/** `texts`: what a long one was and became, as far as it is kept. */
export type Happening = { at: string; by: Someone; what: string; texts?: { from: string; to: string } };

/** Moves and all else, in the order of time. `called`: how somebody is shown. */
export function happenings(flow: Flow, called: (person: Someone) => string): Happening[] {
  const moves = flow.history.map(({ at, by, from, to }) => ({ at, by, what: `${label(from)} → ${label(to)}` }));
  const others = flow.entries.map((entry) => ({ at: entry.at, by: entry.by, what: inWords(entry, called), ...longOnes(entry) }));
  return [...moves, ...others].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

function longOnes(entry: Entry): Pick<Happening, "texts"> {
  const change = entry.kind === "edited" ? entry.data.description : undefined;
  if (!change) return {};
  return { texts: { from: cut(change.from, change.from_length), to: cut(change.to, change.to_length) } };
}

function cut(text: string, length: number | undefined): string {
  return length && length > text.length ? `${text} …` : text;
}

function inOneLine(field: string, from: string, to: string): string {
  if (field === "description") return "Description changed";
  if (field === "due_at") return to ? `Due: ${day(to)}` : "No longer due";
  return `${label(field)}: ${from} → ${to}`;
}

function inWords(entry: Entry, called: (person: Someone) => string): string {
  switch (entry.kind) {
    case "opened":
      return "Opened";
    case "deleted":
      return "Deleted";
    case "attached":
      return `File ${entry.data.name}`;
    case "detached":
      return `File ${entry.data.name} deleted`;
    case "assigned":
      return entry.data.to ? `Assigned to ${called(entry.data.to)}` : "Assigned to nobody";
    case "edited":
      return Object.entries(entry.data)
        .map(([field, { from, to }]) => inOneLine(field, from, to))
        .join("; ");
  }
}
