import { tickets } from "../api/calls.ts";
import type { Flow, Someone, Ticket } from "../api/types.ts";
import { useFlow } from "../hooks/useFlow.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Attachments } from "../parts/Attachments.tsx";
import { Due, PriorityBadge, StatusBadge, Time } from "../parts/Badges.tsx";
import { Conversation } from "../parts/Conversation.tsx";
import { EditTicket } from "../parts/EditTicket.tsx";
import { FlowPanel } from "../parts/FlowPanel.tsx";
import { Loading } from "../parts/Loading.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { NotFoundPage } from "./NotFoundPage.tsx";

export function TicketPage({ id }: { id: number }) {
  const { data, error, reload } = useLoad((signal) => tickets.get(id, signal), String(id));
  if (error?.status === 404) return <NotFoundPage />;
  if (data) return <OneTicket ticket={data} reload={reload} />;
  return <main id="main">{error ? <Message kind="error">{error.message}</Message> : <Loading what="Loading the ticket" />}</main>;
}

function OneTicket({ ticket, reload }: { ticket: Ticket; reload: () => void }) {
  const { flow, error, reload: reloadFlow, setFlow } = useFlow(ticket.id);
  const changed = () => {
    reload();
    reloadFlow(); // the history tells of it
  };
  return (
    <Page title={ticket.title}>
      <Facts ticket={ticket} flow={flow} />
      <div className="ticket">
        <section className="details" aria-label="Description">
          {ticket.description ? <p className="prose">{ticket.description}</p> : <p className="quiet">No description.</p>}
          <EditTicket ticket={ticket} closed={(flow?.step.key ?? ticket.status) === "closed"} done={changed} />
          <Attachments ticket={ticket} reload={reload} />
        </section>
        <aside>
          <FlowPanel flow={flow} error={error} reload={reloadFlow} setFlow={setFlow} />
        </aside>
        <Conversation ticket={ticket.id} filesChanged={reload} />
      </div>
    </Page>
  );
}

/** The name is what somebody chose; staff may have to know the address. */
function Owner({ person }: { person: Someone }) {
  const { is_staff } = useUser();
  const name = called(person);
  return (
    <span className="address">
      {name}
      {is_staff && person.email !== name && ` (${person.email})`}
    </span>
  );
}

function Facts({ ticket, flow }: { ticket: Ticket; flow: Flow | undefined }) {
  return (
    <p className="facts">
      {/* The workflow decides; the ticket's own status follows it a moment later. */}
      <StatusBadge status={flow?.step.key ?? ticket.status} name={flow?.step.name} />
      <PriorityBadge priority={ticket.priority} />
      <Due ticket={ticket} />
      <span>#{ticket.id}</span>
      <Owner person={ticket.owner} />
      <Time at={ticket.created_at} />
    </p>
  );
}
