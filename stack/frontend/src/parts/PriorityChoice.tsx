import { useId } from "react";
import { PRIORITIES, type Priority } from "../api/types.ts";
import { label } from "../format.ts";

export function PriorityChoice({ chosen }: { chosen: Priority }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>Priority</label>
      <select id={id} name="priority" defaultValue={chosen}>
        {PRIORITIES.map((key) => (
          <option key={key} value={key}>
            {label(key)}
          </option>
        ))}
      </select>
    </div>
  );
}
