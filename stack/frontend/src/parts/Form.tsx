import { useEffect, useRef, type FormEvent, type ReactNode } from "react";
import type { ApiError } from "../api/errors.ts";
import { Message } from "./Message.tsx";

type Props = {
  onSubmit: (values: FormData) => void;
  busy: boolean;
  error: ApiError | undefined;
  submit: string;
  children: ReactNode;
};

/** Shows what no field stands for above the button, and leads to the first field that is wrong. */
export function Form({ onSubmit, busy, error, submit, children }: Props) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);

  const submitted = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSubmit(new FormData(event.currentTarget));
  };
  return (
    <form ref={form} onSubmit={submitted} aria-busy={busy}>
      {children}
      {error && <Message kind="error">{error.message}</Message>}
      <button className="primary" aria-disabled={busy}>
        {busy ? "One moment …" : submit}
      </button>
    </form>
  );
}

export function text(values: FormData, name: string): string {
  return String(values.get(name) ?? "");
}
