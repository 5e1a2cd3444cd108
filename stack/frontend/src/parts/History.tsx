import type { Flow, Someone } from "../api/types.ts";
import { happenings } from "../history.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { Time } from "./Badges.tsx";

/** All that happened to a ticket, the oldest first; what was said about it is the conversation. */
export function History({ flow }: { flow: Flow }) {
  const { id } = useUser();
  const shown = (person: Someone) => (person.id === id ? "You" : called(person));
  const happened = happenings(flow, shown);
  if (happened.length === 0) return null;
  return (
    <>
      <h3>History</h3>
      <ol className="history">
        {happened.map(({ at, by, what, texts }, number) => (
          <li key={number}>
            <span>{what}</span>
            {texts && (
              <details>
                <summary>Before and after</summary>
                <del className="prose">{texts.from || "Nothing"}</del>
                <ins className="prose">{texts.to || "Nothing"}</ins>
              </details>
            )}
            <span className="facts">
              <span className="address">{shown(by)}</span>
              <Time at={at} />
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
