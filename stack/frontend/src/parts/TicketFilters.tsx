import { useId, type FormEvent } from "react";
import { auth } from "../api/calls.ts";
import { PRIORITIES, STATUSES } from "../api/types.ts";
import { label } from "../format.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { text } from "./Form.tsx";

type Props = { params: URLSearchParams; change: (name: string, value: string) => void };

const ORDERS = { "": "Newest first", created_at: "Oldest first", "-updated_at": "Last changed first", due_at: "Soonest due first" };

export function TicketFilters({ params, change }: Props) {
  const { is_staff } = useUser();
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    change("search", text(new FormData(event.currentTarget), "search").trim());
  };
  const choice = (name: string, title: string, options: Record<string, string>) => (
    <Choice title={title} value={params.get(name) ?? ""} options={Object.entries(options)} change={(value) => change(name, value)} />
  );
  return (
    <search className="filters">
      <form role="search" onSubmit={search}>
        <input
          key={params.get("search")}
          type="search"
          name="search"
          aria-label="Search titles, descriptions, comments and numbers"
          placeholder="Search"
          maxLength={200}
          defaultValue={params.get("search") ?? ""}
        />
        <button>Search</button>
      </form>
      {choice("status", "Status", { "": "Any status", ...named(STATUSES) })}
      {choice("priority", "Priority", { "": "Any priority", ...named(PRIORITIES) })}
      {is_staff && choice("mine", "Whose", { "": "Everybody's", true: "My own" })}
      {is_staff && <AssigneeFilter value={params.get("assignee") ?? ""} change={(value) => change("assignee", value)} />}
      {choice("overdue", "Due", { "": "At any time", true: "Overdue" })}
      {choice("order", "Order", ORDERS)}
    </search>
  );
}

/** Those who are staff now; a number in the address may be of somebody who was. */
function AssigneeFilter({ value, change }: { value: string; change: (value: string) => void }) {
  const { id } = useUser();
  const { data = [] } = useLoad(auth.staff, "staff");
  const others = data.filter((person) => person.id !== id).map((person) => [String(person.id), called(person)] as const);
  const known = ["", "me", "none", ...others.map(([key]) => key)];
  const missing = known.includes(value) ? [] : [[value, `#${value}`] as const];
  const options: (readonly [string, string])[] = [["", "Anybody"], ["me", "Me"], ["none", "Nobody"], ...others, ...missing];
  return <Choice title="Assigned to" value={value} options={options} change={change} />;
}

function named(keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, label(key)]));
}

/** In the order given: an object would sort its keys that are numbers first. */
type ChoiceProps = { title: string; value: string; options: readonly (readonly [string, string])[]; change: (value: string) => void };

function Choice({ title, value, options, change }: ChoiceProps) {
  const id = useId();
  return (
    <div className="choice">
      <label htmlFor={id}>{title}</label>
      <select id={id} value={value} onChange={(event) => change(event.target.value)}>
        {options.map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
