import { useCallback, useEffect, useState } from "react";
import { ApiError } from "../api/errors.ts";

/**
 * Loads again whenever `key` changes or `reload` is called; what was there stays visible meanwhile.
 * A later request wins over an earlier one.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, key: string) {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const [turn, setTurn] = useState(0);
  const [loading, setLoading] = useState(true);

  useEffect(() => {
    const left = new AbortController();
    setLoading(true);
    load(left.signal)
      .then((found) => {
        if (left.signal.aborted) return;
        setData(found);
        setError(undefined);
        setLoading(false);
      })
      .catch((reason: unknown) => {
        if (left.signal.aborted) return;
        if (!(reason instanceof ApiError)) throw reason;
        setError(reason);
        setLoading(false);
      });
    return () => left.abort();
    // `load` is made anew at every render; `key` says when it asks for something else.
  }, [key, turn]);

  const reload = useCallback(() => setTurn((now) => now + 1), []);
  return { data, error, loading, reload, setData };
}
