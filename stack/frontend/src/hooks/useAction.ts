import { useState } from "react";
import { ApiError } from "../api/errors.ts";

/** Something a person starts: one at a time, and what went wrong stays visible until the next try. */
export function useAction<A extends unknown[]>(act: (...given: A) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  const run = async (...given: A) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await act(...given);
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, error };
}
