import { Link, useLocation } from "wouter";
import { release } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { useSession } from "../session.tsx";
import { useUnread } from "../unread.tsx";

export function Header() {
  const { user } = useSession();
  return (
    <header className="bar">
      <Link className="brand" href={user ? "/tickets" : "/log-in"} aria-label="Tickets">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <span>Tickets</span>
      </Link>
      {user ? <PersonNav name={user.first_name || user.email} staff={user.is_staff} /> : <VisitorNav />}
    </header>
  );
}

function VisitorNav() {
  return (
    <nav aria-label="Account">
      <NavLink href="/log-in">Log in</NavLink>
      <NavLink href="/sign-up">Sign up</NavLink>
    </nav>
  );
}

function PersonNav({ name, staff }: { name: string; staff: boolean }) {
  const [, navigate] = useLocation();
  const { logOut } = useSession();
  const leave = useAction(async () => {
    await logOut();
    navigate("/log-in");
  });
  return (
    <nav aria-label="Main">
      <NavLink href="/tickets/new">New ticket</NavLink>
      {staff && <a href="/admin/">Admin</a>}
      <Bell />
      <Link className="whoami" href="/profile" aria-label={`Your account, ${name}`}>
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c0-4 4-6 8-6s8 2 8 6" />
        </svg>
        <span>{name}</span>
      </Link>
      <button className="plain" onClick={() => void leave.run()} title={leave.error?.message}>
        Log out
      </button>
    </nav>
  );
}

function NavLink({ href, children }: { href: string; children: string }) {
  const [path] = useLocation();
  return (
    <Link href={href} aria-current={path === href ? "page" : undefined}>
      {children}
    </Link>
  );
}

function Bell() {
  const { count } = useUnread();
  const [path] = useLocation();
  const name = count > 0 ? `Notifications, ${count} unread` : "Notifications";
  return (
    <Link className="bell" href="/notifications" aria-label={name} aria-current={path === "/notifications" ? "page" : undefined}>
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
        <path d="M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM10 20a2 2 0 0 0 4 0" />
      </svg>
      {count > 0 && <span className="count">{count > 99 ? "99+" : count}</span>}
    </Link>
  );
}

export function Footer() {
  const { data } = useLoad(release, "release");
  return <footer>{data && <p>Release {data.release}</p>}</footer>;
}
