import { useSyncExternalStore } from "react";
import { isHeld, subscribe } from "../api/held.ts";

/** Always in the page, so that a screen reader notices when it speaks. */
export function Held() {
  const held = useSyncExternalStore(subscribe, isHeld);
  return (
    <div className="held" role="status">
      {held && <p>The site is held for a moment. Trying again …</p>}
    </div>
  );
}
