import { useId } from "react";
import { auth } from "../api/calls.ts";
import type { Flow } from "../api/types.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";

type Props = { flow: Flow; busy: boolean; assign: (person: number | null) => void };

export function Assignee(props: Props) {
  const { id, is_staff } = useUser();
  if (is_staff) return <AssigneeChoice {...props} />;
  const { assignee } = props.flow;
  return (
    <p className="assignee">
      <span className="quiet">Assigned to</span>{" "}
      <span className="address">{assignee ? (assignee.id === id ? "you" : called(assignee)) : "nobody yet"}</span>
    </p>
  );
}

function AssigneeChoice({ flow, busy, assign }: Props) {
  const fieldId = useId();
  const { data } = useLoad(auth.staff, "staff");
  const { assignee } = flow;
  // Also shown while the others load, and when the assignee is no longer among them.
  const missing = assignee && !data?.some((person) => person.id === assignee.id) ? [{ ...assignee, name: called(assignee) }] : [];
  return (
    <div className="field">
      <label htmlFor={fieldId}>Assigned to</label>
      <select
        id={fieldId}
        value={assignee?.id ?? ""}
        disabled={busy}
        onChange={(event) => assign(event.target.value ? Number(event.target.value) : null)}
      >
        <option value="">Nobody</option>
        {[...missing, ...(data ?? [])].map((person) => (
          <option key={person.id} value={person.id}>
            {called(person)}
          </option>
        ))}
      </select>
    </div>
  );
}
