import { useState } from "react";
import { Link } from "wouter";
import type { Ticket } from "../api/types.ts";
import { called } from "../people.ts";
import { useUser } from "../session.tsx";
import { Due, PriorityBadge, StatusBadge, Time } from "./Badges.tsx";
import { BulkBar } from "./BulkBar.tsx";

/** One page of tickets; staff choose some of them to do the same with all. */
export function TicketList({ tickets, reload }: { tickets: Ticket[]; reload: () => void }) {
  const { is_staff } = useUser();
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const toggle = (id: number) =>
    setChosen((now) => {
      const next = new Set(now);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const there = tickets.filter((ticket) => chosen.has(ticket.id)).map((ticket) => ticket.id);
  return (
    <>
      {is_staff && (
        <BulkBar
          chosen={there}
          all={tickets.length}
          chooseAll={(on) => setChosen(new Set(on ? tickets.map((ticket) => ticket.id) : []))}
          done={(left) => {
            setChosen(new Set(left));
            reload();
          }}
        />
      )}
      <ul className="tickets">
        {tickets.map((ticket) => (
          <li key={ticket.id}>
            <p className="choosing">
              {is_staff && (
                <input
                  type="checkbox"
                  aria-label={`Choose ${ticket.title}`}
                  checked={chosen.has(ticket.id)}
                  onChange={() => toggle(ticket.id)}
                />
              )}
              <Link href={`/tickets/${ticket.id}`}>{ticket.title}</Link>
            </p>
            <Facts ticket={ticket} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Facts({ ticket }: { ticket: Ticket }) {
  const { id } = useUser();
  return (
    <p className="facts">
      <StatusBadge status={ticket.status} />
      <PriorityBadge priority={ticket.priority} />
      <Due ticket={ticket} />
      <span>#{ticket.id}</span>
      {ticket.assignee && <span className="address">{`→ ${ticket.assignee.id === id ? "You" : called(ticket.assignee)}`}</span>}
      {ticket.owner.id !== id && <span className="address">{called(ticket.owner)}</span>}
      <Time at={ticket.created_at} />
    </p>
  );
}
