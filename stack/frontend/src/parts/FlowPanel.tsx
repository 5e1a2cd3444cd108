import { useRef } from "react";
import { workflow } from "../api/calls.ts";
import { ApiError } from "../api/errors.ts";
import type { Flow } from "../api/types.ts";
import { useAction } from "../hooks/useAction.ts";
import { Assignee } from "./Assignee.tsx";
import { StatusBadge } from "./Badges.tsx";
import { History } from "./History.tsx";
import { Loading } from "./Loading.tsx";
import { Message } from "./Message.tsx";

type Props = { flow: Flow | undefined; error: ApiError | undefined; reload: () => void; setFlow: (flow: Flow) => void };

export function FlowPanel({ flow, error, reload, setFlow }: Props) {
  if (flow) return <Panel flow={flow} reload={reload} setFlow={setFlow} />;
  return (
    <section className="panel" aria-label="Workflow">
      <h2>Workflow</h2>
      {error ? <p className="quiet">{whyNot(error)}</p> : <Loading what="It starts in a moment" />}
    </section>
  );
}

function whyNot(error: ApiError): string {
  return error.status === 404 ? "It has not started yet. This page goes on asking." : error.message;
}

function Panel({ flow, reload, setFlow }: { flow: Flow; reload: () => void; setFlow: (flow: Flow) => void }) {
  const step = useRef<HTMLParagraphElement>(null);
  // One at a time, as each builds on the version that the one before has made.
  const change = useAction(async (ask: () => Promise<Flow>) => {
    try {
      setFlow(await ask());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
      reload();
      throw new ApiError(409, "The ticket has moved on in the meantime. This is where it stands now.");
    }
  });
  const move = async (transition: string) => {
    await change.run(() => workflow.move(flow.ticket, transition, flow.version));
    step.current?.focus(); // the pressed button may be gone
  };
  return (
    <section className="panel" aria-label="Workflow" aria-busy={change.busy}>
      <h2>Workflow</h2>
      <p className="step" ref={step} tabIndex={-1} role="status">
        <span className="quiet">Now</span> <StatusBadge status={flow.step.key} name={flow.step.name} />
      </p>
      <div className="moves">
        {flow.transitions.map(({ key, name }) => (
          <button key={key} onClick={() => void move(key)} aria-disabled={change.busy}>
            {name}
          </button>
        ))}
      </div>
      <Assignee flow={flow} busy={change.busy} assign={(person) => void change.run(() => workflow.assign(flow.ticket, person, flow.version))} />
      {change.error && <Message kind="error">{change.error.fields.id ?? change.error.message}</Message>}
      <History flow={flow} />
    </section>
  );
}
