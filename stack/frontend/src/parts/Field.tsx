import { useId, type InputHTMLAttributes, type ReactElement, type TextareaHTMLAttributes } from "react";
import type { ApiError } from "../api/errors.ts";

type Common = { label: string; name: string; hint?: string; error?: ApiError | undefined };
type Wiring = { id: string; name: string; "aria-invalid": boolean; "aria-describedby": string | undefined };

export function Field({ label, hint, error, ...input }: Common & InputHTMLAttributes<HTMLInputElement>) {
  return <Labelled {...{ label, hint, error }} name={input.name} control={(wiring) => <input {...input} {...wiring} />} />;
}

export function TextArea({ label, hint, error, ...area }: Common & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <Labelled {...{ label, hint, error }} name={area.name} control={(wiring) => <textarea {...area} {...wiring} />} />;
}

type Labelling = { label: string; name: string; hint: string | undefined; error: ApiError | undefined };

function Labelled({ label, name, hint, error, control }: Labelling & { control: (wiring: Wiring) => ReactElement }) {
  const id = useId();
  const wrong = error?.fields[name];
  const described = [hint && `${id}-hint`, wrong && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {control({ id, name, "aria-invalid": Boolean(wrong), "aria-describedby": described })}
      {wrong && (
        <p className="wrong" id={`${id}-error`}>
          {wrong}
        </p>
      )}
    </div>
  );
}
