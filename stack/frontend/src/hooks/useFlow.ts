import { workflow } from "../api/calls.ts";
import { ApiError } from "../api/errors.ts";
import { pause } from "../api/http.ts";
import type { Flow } from "../api/types.ts";
import { useLoad } from "./useLoad.ts";
import { usePoll } from "./usePoll.ts";

const POLL_MS = 10_000;
const ASK_AGAIN_MS = 1_000;
const PATIENCE_MS = 20_000;

/** Where a ticket stands in its workflow; colleagues move it too, so it is asked again now and then. */
export function useFlow(ticket: number) {
  const { data, error, reload, setData } = useLoad((signal) => started(ticket, signal), String(ticket));
  usePoll(() => {
    if (data || error) reload();
  }, POLL_MS);
  return { flow: data, error, reload, setFlow: setData };
}

/** The worker makes a flow once it has heard of the ticket, which may be a moment after the ticket was opened. */
async function started(ticket: number, signal: AbortSignal): Promise<Flow> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await workflow.get(ticket, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404 || Date.now() > deadline) throw error;
    }
    await pause(ASK_AGAIN_MS, signal);
  }
}
