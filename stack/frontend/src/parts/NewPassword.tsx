import type { ApiError } from "../api/errors.ts";
import { Field } from "./Field.tsx";

/** One that is chosen now; a password manager offers to make and to keep it. */
export function NewPassword({ label, error }: { label: string; error: ApiError | undefined }) {
  return (
    <Field
      label={label}
      name="password"
      type="password"
      autoComplete="new-password"
      required
      hint="Eight characters or more, not a common word."
      error={error}
    />
  );
}
