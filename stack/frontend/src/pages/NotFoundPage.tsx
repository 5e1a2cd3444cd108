import { Link } from "wouter";
import { Page } from "../parts/Page.tsx";

export function NotFoundPage() {
  return (
    <Page title="Nothing here" narrow>
      <p>There is no such page, or it is not yours to see.</p>
      <p>
        <Link href="/tickets">To your tickets</Link>
      </p>
    </Page>
  );
}
