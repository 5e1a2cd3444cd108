import { useEffect, useRef, type ReactNode } from "react";

let first = true;

/** Tells the tab and a screen reader where one has come to. */
export function Page({ title, narrow, children }: { title: string; narrow?: boolean; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.title = `${title} · Ticket tracking`;
  }, [title]);

  useEffect(() => {
    // The first page is announced by the browser itself, and its skip link comes first.
    if (!first) {
      window.scrollTo(0, 0);
      heading.current?.focus();
    }
    first = false;
  }, []);

  return (
    <main id="main" className={narrow ? "narrow" : undefined}>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}
