import { useId } from "react";
import { auth, workflow } from "../api/calls.ts";
import type { Flow } from "../api/types.ts";
import { useAction } from "../hooks/useAction.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { useUser } from "../session.tsx";

type Props = { flow: Flow; setFlow: (flow: Flow) => void };

export function Assignee({ flow, setFlow }: Props) {
  const { id, is_staff } = useUser();
  if (is_staff) return <AssigneeChoice flow={flow} setFlow={setFlow} />;
  const { assignee } = flow;
  return (
    <p className="assignee">
      <span className="quiet">Assigned to</span>{" "}
      <span className="address">{assignee ? (assignee.id === id ? "you" : assignee.email) : "nobody yet"}</span>
    </p>
  );
}

function AssigneeChoice({ flow, setFlow }: Props) {
  const fieldId = useId();
  const { data } = useLoad(auth.staff, "staff");
  const assign = useAction(async (value: string) => setFlow(await workflow.assign(flow.ticket, value ? Number(value) : null)));
  const { assignee } = flow;
  // Also shown while the others load, and when the assignee is no longer among them.
  const missing = assignee && !data?.some((person) => person.id === assignee.id) ? [{ ...assignee, name: "" }] : [];
  return (
    <div className="field">
      <label htmlFor={fieldId}>Assigned to</label>
      <select id={fieldId} value={assignee?.id ?? ""} disabled={assign.busy} onChange={(event) => void assign.run(event.target.value)}>
        <option value="">Nobody</option>
        {[...missing, ...(data ?? [])].map((person) => (
          <option key={person.id} value={person.id}>
            {person.name || person.email}
          </option>
        ))}
      </select>
      {assign.error && <p className="wrong">{assign.error.fields.id ?? assign.error.message}</p>}
    </div>
  );
}
