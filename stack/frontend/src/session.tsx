import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { Redirect, useLocation, useSearch } from "wouter";
import { auth } from "./api/calls.ts";
import { ApiError } from "./api/errors.ts";
import { onSessionEnd } from "./api/http.ts";
import type { User } from "./api/types.ts";
import { Loading } from "./parts/Loading.tsx";
import { Message } from "./parts/Message.tsx";

type Session = { user: User | null; loggedIn: (user: User) => void; logOut: () => Promise<void> };

const Context = createContext<Session | null>(null);

/** The cookies are out of a script's reach, so the first question is who is asking. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [user, setUser] = useState<User | null>();
  const [failure, setFailure] = useState<ApiError>();

  useEffect(() => {
    onSessionEnd(() => setUser(null));
    auth.me().then(setUser, (reason: unknown) => {
      if (!(reason instanceof ApiError)) throw reason;
      if (reason.status !== 401) setFailure(reason);
    });
  }, []);

  const session = useMemo<Session>(
    () => ({
      user: user ?? null,
      loggedIn: setUser,
      logOut: async () => {
        await auth.logout();
        setUser(null);
      },
    }),
    [user],
  );

  if (failure && user === undefined) return <Message kind="error">{failure.message}</Message>;
  if (user === undefined) return <Loading />;
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("useSession outside of SessionProvider");
  return session;
}

export function useUser(): User {
  const { user } = useSession();
  if (!user) throw new Error("useUser outside of RequireSession");
  return user;
}

export function RequireSession({ children }: { children: ReactNode }) {
  const { user } = useSession();
  const [path] = useLocation();
  const search = useSearch();
  if (user) return children;
  const here = search ? `${path}?${search}` : path;
  return <Redirect to={here === "/" ? "/log-in" : `/log-in?next=${encodeURIComponent(here)}`} replace />;
}
