import { useId, type FormEvent } from "react";
import { PRIORITIES, STATUSES } from "../api/types.ts";
import { label } from "../format.ts";
import { useUser } from "../session.tsx";
import { text } from "./Form.tsx";

type Props = { params: URLSearchParams; change: (name: string, value: string) => void };

const ORDERS = { "": "Newest first", created_at: "Oldest first", "-updated_at": "Last changed first" };

export function TicketFilters({ params, change }: Props) {
  const { is_staff } = useUser();
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    change("search", text(new FormData(event.currentTarget), "search").trim());
  };
  const choice = (name: string, title: string, options: Record<string, string>) => (
    <Choice title={title} value={params.get(name) ?? ""} options={options} change={(value) => change(name, value)} />
  );
  return (
    <search className="filters">
      <form role="search" onSubmit={search}>
        <input
          key={params.get("search")}
          type="search"
          name="search"
          aria-label="Search titles and descriptions"
          placeholder="Search"
          maxLength={200}
          defaultValue={params.get("search") ?? ""}
        />
        <button>Search</button>
      </form>
      {choice("status", "Status", { "": "Any status", ...named(STATUSES) })}
      {choice("priority", "Priority", { "": "Any priority", ...named(PRIORITIES) })}
      {is_staff && choice("mine", "Whose", { "": "Everybody's", true: "My own" })}
      {choice("order", "Order", ORDERS)}
    </search>
  );
}

function named(keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, label(key)]));
}

type ChoiceProps = { title: string; value: string; options: Record<string, string>; change: (value: string) => void };

function Choice({ title, value, options, change }: ChoiceProps) {
  const id = useId();
  return (
    <div className="choice">
      <label htmlFor={id}>{title}</label>
      <select id={id} value={value} onChange={(event) => change(event.target.value)}>
        {Object.entries(options).map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
