import { useState } from "react";
import { Link } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { useToken } from "../hooks/useToken.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { Message } from "../parts/Message.tsx";
import { NewPassword } from "../parts/NewPassword.tsx";
import { Page } from "../parts/Page.tsx";
import { SendAgain } from "../parts/SendAgain.tsx";

export function VerifyPage() {
  const token = useToken();
  const [address, setAddress] = useState<string>();
  const confirm = useAction(async (values: FormData) => {
    const { email } = await auth.verify(token, text(values, "password"), text(values, "first_name").trim());
    setAddress(email);
  });
  const spent = confirm.error?.fields.token;
  return (
    <Page title="Confirm your address" narrow>
      {address && <Message kind="success">Your address is confirmed. You can log in now as {address}.</Message>}
      {spent && <Message kind="error">{spent}</Message>}
      {spent && <SendAgain />}
      {!address && !spent && (
        <Form submit="Confirm" busy={confirm.busy} error={confirm.error} onSubmit={confirm.run}>
          <Field label="Name" name="first_name" autoComplete="name" maxLength={150} error={confirm.error} hint="May stay empty." />
          <NewPassword label="Password" error={confirm.error} />
        </Form>
      )}
      {(address || spent) && (
        <p>
          <Link className="button primary" href="/log-in">
            Log in
          </Link>
        </p>
      )}
    </Page>
  );
}
