import { useId, useState } from "react";
import { auth, bulk, type Bulk } from "../api/calls.ts";
import type { Outcome } from "../api/types.ts";
import { useAction } from "../hooks/useAction.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { called } from "../people.ts";
import { Message } from "./Message.tsx";

type Props = { chosen: number[]; all: number; chooseAll: (on: boolean) => void; done: (left: number[]) => void };

/** Assigns or closes all that are chosen. Those that could not be stay chosen, with the reason. */
export function BulkBar({ chosen, all, chooseAll, done }: Props) {
  const [failures, setFailures] = useState<Outcome[]>([]);
  const change = useAction(async (what: Bulk) => {
    const { results } = await bulk(chosen, what);
    const failed = results.filter((one) => !one.done);
    setFailures(failed);
    done(failed.map((one) => one.ticket));
  });
  return (
    <div className="bulk" role="group" aria-label="Chosen tickets" aria-busy={change.busy}>
      <label className="check">
        <input type="checkbox" checked={chosen.length > 0 && chosen.length === all} onChange={(event) => chooseAll(event.target.checked)} />
        {chosen.length > 0 ? `${chosen.length} chosen` : "Choose all on this page"}
      </label>
      {chosen.length > 0 && <Actions busy={change.busy} run={(what) => void change.run(what)} />}
      {change.error && <Message kind="error">{change.error.message}</Message>}
      {failures.length > 0 && (
        <Message kind="error">
          <ul>
            {failures.map(({ ticket, detail }) => (
              <li key={ticket}>
                #{ticket}: {detail}
              </li>
            ))}
          </ul>
        </Message>
      )}
    </div>
  );
}

/** One chooses whom first and says so then: a select alone would assign on the way through it. */
function Actions({ busy, run }: { busy: boolean; run: (what: Bulk) => void }) {
  const id = useId();
  const { data = [] } = useLoad(auth.staff, "staff");
  const [person, setPerson] = useState("");
  return (
    <>
      <label htmlFor={id}>Assign to</label>
      <select id={id} value={person} onChange={(event) => setPerson(event.target.value)}>
        <option value="">Nobody</option>
        {data.map((one) => (
          <option key={one.id} value={one.id}>
            {called(one)}
          </option>
        ))}
      </select>
      <button aria-disabled={busy} onClick={() => run({ assignee: person ? Number(person) : null })}>
        Assign
      </button>
      <button aria-disabled={busy} onClick={() => run({ to: "closed" })}>
        Close
      </button>
    </>
  );
}
