import { notifications } from "../api/calls.ts";
import type { Switch } from "../api/types.ts";
import { useAction } from "../hooks/useAction.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Loading } from "./Loading.tsx";
import { Message } from "./Message.tsx";

const NAMES: Record<string, string> = {
  "ticket.new": "Somebody opens a ticket",
  "comment.unassigned": "A customer writes and nobody works on the ticket",
  "comment.noted": "A colleague writes an internal note on a ticket of mine",
  "ticket.created": "My ticket was received",
  "workflow.moved": "A ticket of mine moves on",
  "workflow.assigned": "A ticket of mine is assigned",
  "comment.created": "Somebody writes about a ticket of mine",
};

/** What one wants to be told of; each is kept as soon as it is set. */
export function Switches() {
  const { data, error, setData } = useLoad(notifications.switches, "switches");
  // seen as set at once; as it was, if that fails
  const change = useAction(async (one: Switch) => {
    const before = data;
    if (!before) return;
    setData({ ...before, switches: before.switches.map((other) => (other.kind === one.kind ? one : other)) });
    try {
      setData(await notifications.set(one));
    } catch (error) {
      setData(before);
      throw error;
    }
  });
  return (
    <section aria-labelledby="told">
      <h2 id="told">Notifications</h2>
      {error && <Message kind="error">{error.message}</Message>}
      {!data && !error && <Loading />}
      {data && (
        <table className="switches" aria-busy={change.busy}>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Here</th>
              <th scope="col">By mail</th>
            </tr>
          </thead>
          <tbody>
            {data.switches.map((one) => (
              <Row key={one.kind} one={one} change={(next) => void change.run(next)} />
            ))}
          </tbody>
        </table>
      )}
      {change.error && <Message kind="error">{change.error.message}</Message>}
    </section>
  );
}

function Row({ one, change }: { one: Switch; change: (next: Switch) => void }) {
  const name = NAMES[one.kind] ?? one.kind;
  const box = (way: "app" | "mail", said: string) => (
    <td>
      <input
        type="checkbox"
        aria-label={`${name}: ${said}`}
        checked={one[way]}
        onChange={(event) => change({ ...one, [way]: event.target.checked })}
      />
    </td>
  );
  return (
    <tr>
      <th scope="row">{name}</th>
      {box("app", "here")}
      {box("mail", "by mail")}
    </tr>
  );
}
