import type { ReactNode } from "react";

/** Errors interrupt a screen reader, everything else waits its turn. */
export function Message({ kind, children }: { kind: "error" | "info" | "success"; children: ReactNode }) {
  return (
    <div className={`message ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
}
