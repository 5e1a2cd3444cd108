import { Link, useSearchParams } from "wouter";
import { tickets } from "../api/calls.ts";
import type { Ticket } from "../api/types.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { PriorityBadge, StatusBadge, Time } from "../parts/Badges.tsx";
import { Loading } from "../parts/Loading.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { Pager } from "../parts/Pager.tsx";
import { TicketFilters } from "../parts/TicketFilters.tsx";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";

const PAGE_SIZE = 20;

/** What is asked for stands in the address, so that going back and passing on a link work. */
export function TicketsPage() {
  const [params, setParams] = useSearchParams();
  const query = new URLSearchParams(params);
  query.set("page_size", String(PAGE_SIZE));
  const { data, error, loading } = useLoad((signal) => tickets.list(query, signal), query.toString());

  const change = (name: string, value: string) =>
    setParams((now) => {
      const next = new URLSearchParams(now);
      next.delete("page");
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    });
  const page = Number(params.get("page") ?? 1);
  return (
    <Page title="Tickets">
      <TicketFilters params={params} change={change} />
      {error && <Message kind="error">{error.message}</Message>}
      {!data && loading && <Loading />}
      {data && !error && (
        <section aria-label="Results" aria-busy={loading}>
          <p className="quiet" role="status">
            {data.count === 1 ? "1 ticket" : `${data.count} tickets`}
          </p>
          {data.count === 0 ? <Nothing filtered={params.size > 0} /> : <List tickets={data.results} />}
          <Pager page={page} pages={Math.ceil(data.count / PAGE_SIZE)} go={(to) => change("page", String(to))} />
        </section>
      )}
    </Page>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return (
    <div className="empty">
      <p>{filtered ? "No ticket is like this." : "No tickets yet."}</p>
      <Link className="button primary" href="/tickets/new">
        Open a ticket
      </Link>
    </div>
  );
}

function List({ tickets }: { tickets: Ticket[] }) {
  const { id } = useUser();
  return (
    <ul className="tickets">
      {tickets.map((ticket) => (
        <li key={ticket.id}>
          <Link href={`/tickets/${ticket.id}`}>{ticket.title}</Link>
          <p className="facts">
            <StatusBadge status={ticket.status} />
            <PriorityBadge priority={ticket.priority} />
            <span>#{ticket.id}</span>
            {ticket.assignee && <span className="address">{`→ ${ticket.assignee.id === id ? "You" : called(ticket.assignee)}`}</span>}
            {ticket.owner.id !== id && <span className="address">{called(ticket.owner)}</span>}
            <Time at={ticket.created_at} />
          </p>
        </li>
      ))}
    </ul>
  );
}
