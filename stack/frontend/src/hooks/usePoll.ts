import { useEffect, useRef } from "react";

/** Calls `ask` every so often while the page can be seen, and at once when it is seen again. */
export function usePoll(ask: () => void, milliseconds: number): void {
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });

  useEffect(() => {
    const askIfSeen = () => {
      if (document.visibilityState === "visible") latest.current();
    };
    const timer = setInterval(askIfSeen, milliseconds);
    document.addEventListener("visibilitychange", askIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", askIfSeen);
    };
  }, [milliseconds]);
}
