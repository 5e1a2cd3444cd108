import { useState, type MouseEvent } from "react";
import { auth, tickets } from "../api/calls.ts";
import type { File } from "../api/types.ts";
import { bytes } from "../format.ts";
import { useAction } from "../hooks/useAction.ts";

/** Files of a ticket: pictures as such, all of them to download. */
export function FileList({ ticket, files }: { ticket: number; files: readonly File[] }) {
  if (files.length === 0) return null;
  return (
    <ul className="files">
      {files.map(({ id, name, size, image }) => (
        <li key={id}>
          {image && <Preview path={`${tickets.attachmentPath(ticket, id)}?inline=true`} name={name} />}
          <Download path={tickets.attachmentPath(ticket, id)} name={name} /> <span className="quiet">{bytes(size)}</span>
        </li>
      ))}
    </ul>
  );
}

/** An image is no request that could renew the session: once that was done it is asked for again. */
function Preview({ path, name }: { path: string; name: string }) {
  const [turn, setTurn] = useState(0);
  const renew = useAction(async () => {
    await auth.me();
    setTurn(1);
  });
  if (turn > 1 || renew.error) return null;
  const failed = () => (turn === 0 ? void renew.run() : setTurn(2));
  return <img key={turn} className="preview" src={path} alt={name} loading="lazy" onError={failed} />;
}

/** A download is no request that could renew the session, so one that can goes before it. */
export function Download({ path, name, label = name }: { path: string; name: string; label?: string }) {
  const fetchIt = useAction(async () => {
    await auth.me();
    location.assign(path);
  });
  const clicked = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void fetchIt.run();
  };
  return (
    <>
      <a href={path} download={name} onClick={clicked}>
        {label}
      </a>
      {fetchIt.error && <span className="wrong"> {fetchIt.error.message}</span>}
    </>
  );
}
