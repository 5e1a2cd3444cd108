import { Link, useSearchParams } from "wouter";
import { tickets } from "../api/calls.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Download } from "../parts/FileList.tsx";
import { Loading } from "../parts/Loading.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { Pager } from "../parts/Pager.tsx";
import { TicketFilters } from "../parts/TicketFilters.tsx";
import { TicketList } from "../parts/TicketList.tsx";

const PAGE_SIZE = 20;

/** What is asked for stands in the address, so that going back and passing on a link work. */
export function TicketsPage() {
  const [params, setParams] = useSearchParams();
  const query = new URLSearchParams(params);
  query.set("page_size", String(PAGE_SIZE));
  const { data, error, loading, reload } = useLoad((signal) => tickets.list(query, signal), query.toString());

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
          {data.count > 0 && (
            <p>
              <Download path={tickets.exportPath(params)} name="tickets.csv" label="Export as CSV" />
            </p>
          )}
          {data.count === 0 ? <Nothing filtered={params.size > 0} /> : <TicketList key={query.toString()} tickets={data.results} reload={reload} />}
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
