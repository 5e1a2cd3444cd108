import { createContext, useContext, type ReactNode } from "react";
import { notifications } from "./api/calls.ts";
import { useLoad } from "./hooks/useLoad.ts";
import { usePoll } from "./hooks/usePoll.ts";

const POLL_MS = 10_000;

type Unread = { count: number; refresh: () => void };

const Context = createContext<Unread>({ count: 0, refresh: () => {} });

export function UnreadProvider({ children }: { children: ReactNode }) {
  const { data, reload } = useLoad(notifications.unread, "unread");
  usePoll(reload, POLL_MS);
  return <Context value={{ count: data?.unread ?? 0, refresh: reload }}>{children}</Context>;
}

export function useUnread(): Unread {
  return useContext(Context);
}
