import { useState } from "react";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field } from "./Field.tsx";
import { Form, text } from "./Form.tsx";
import { Message } from "./Message.tsx";

/** The same answer whether there is such an account or not. */
export function SendAgain({ address = "" }: { address?: string }) {
  const [sentTo, setSentTo] = useState<string>();
  const again = useAction(async (values: FormData) => {
    await auth.verifyAgain(text(values, "email"));
    setSentTo(text(values, "email"));
  });
  if (sentTo) return <Message kind="success">If {sentTo} has yet to be confirmed, a new link is on its way.</Message>;
  return (
    <Form submit="Send a new link" busy={again.busy} error={again.error} onSubmit={again.run}>
      <Field label="Email address" name="email" type="email" autoComplete="email" required defaultValue={address} error={again.error} />
    </Form>
  );
}
