import { Link } from "wouter";
import { Page } from "./Page.tsx";

/** Says the same whether there is such an account or not: the mail alone tells. */
export function LookIntoInbox({ address, toDo }: { address: string; toDo: string }) {
  return (
    <Page title="Look into your inbox" narrow>
      <p>
        We have sent a mail to <strong className="address">{address}</strong>. {toDo}
      </p>
      <p className="quiet">Nothing there? It may take a minute, or lie among the unwanted mail.</p>
      <p>
        <Link href="/log-in">To the log-in</Link>
      </p>
    </Page>
  );
}
