import { Link, useSearchParams } from "wouter";
import { notifications } from "../api/calls.ts";
import type { Notification } from "../api/types.ts";
import { useAction } from "../hooks/useAction.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Time } from "../parts/Badges.tsx";
import { Loading } from "../parts/Loading.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { Pager } from "../parts/Pager.tsx";
import { useUnread } from "../unread.tsx";

const PAGE_SIZE = 20;

export function NotificationsPage() {
  const [params, setParams] = useSearchParams();
  const page = Number(params.get("page") ?? 1);
  const unread = useUnread();
  // A changed count means that there is something new, or that another tab has read something.
  const { data, error, reload } = useLoad((signal) => notifications.list(page, PAGE_SIZE, signal), `${page} ${unread.count}`);
  const mark = useAction(async (one?: Notification) => {
    await (one ? notifications.read(one.id) : notifications.readAll());
    reload();
    unread.refresh();
  });

  return (
    <Page title="Notifications">
      {(error ?? mark.error) && <Message kind="error">{(error ?? mark.error)!.message}</Message>}
      {!data && !error && <Loading />}
      {data && data.count === 0 && <p className="empty">Nothing has happened yet.</p>}
      {data && data.unread > 0 && <button onClick={() => void mark.run()}>Mark all as read</button>}
      {data && data.count > 0 && (
        <ul className="notifications">
          {data.results.map((one) => (
            <Item key={one.id} notification={one} read={() => void mark.run(one)} />
          ))}
        </ul>
      )}
      {data && <Pager page={page} pages={Math.ceil(data.count / PAGE_SIZE)} go={(to) => setParams({ page: String(to) })} />}
    </Page>
  );
}

function Item({ notification, read }: { notification: Notification; read: () => void }) {
  const { text, ticket, created_at, read_at } = notification;
  const isNew = !read_at;
  return (
    <li className={isNew ? "unread" : undefined}>
      <p>
        {isNew && <span className="hidden">Unread: </span>}
        {ticket ? (
          <Link href={`/tickets/${ticket}`} onClick={isNew ? read : undefined}>
            {text}
          </Link>
        ) : (
          text
        )}
      </p>
      <p className="facts">
        <Time at={created_at} />
        {isNew && (
          <button className="plain" onClick={read} aria-label={`Mark as read: ${text}`}>
            Mark as read
          </button>
        )}
      </p>
    </li>
  );
}
