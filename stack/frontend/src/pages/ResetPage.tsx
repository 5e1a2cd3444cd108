import { useState } from "react";
import { Link } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { useToken } from "../hooks/useToken.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { LookIntoInbox } from "../parts/LookIntoInbox.tsx";
import { Message } from "../parts/Message.tsx";
import { NewPassword } from "../parts/NewPassword.tsx";
import { Page } from "../parts/Page.tsx";

/** Without a link's token one asks for the link. */
export function ResetPage() {
  const token = useToken();
  return token ? <Choose token={token} /> : <Ask />;
}

function Ask() {
  const [address, setAddress] = useState<string>();
  const ask = useAction(async (values: FormData) => {
    await auth.askForReset(text(values, "email"));
    setAddress(text(values, "email"));
  });
  if (address) return <LookIntoInbox address={address} toDo="Follow its link to choose a new password." />;
  return (
    <Page title="Forgot your password?" narrow>
      <Form submit="Send a link" busy={ask.busy} error={ask.error} onSubmit={ask.run}>
        <Field label="Email address" name="email" type="email" autoComplete="username" required error={ask.error} />
      </Form>
      <p>
        <Link href="/log-in">To the log-in</Link>
      </p>
    </Page>
  );
}

function Choose({ token }: { token: string }) {
  const [address, setAddress] = useState<string>();
  const choose = useAction(async (values: FormData) => {
    const { email } = await auth.reset(token, text(values, "password"));
    setAddress(email);
  });
  const spent = choose.error?.fields.token;
  return (
    <Page title="Choose a new password" narrow>
      {address && <Message kind="success">Your password is changed, and all devices are logged out. Log in as {address}.</Message>}
      {spent && <Message kind="error">{spent}</Message>}
      {!address && !spent && (
        <Form submit="Change the password" busy={choose.busy} error={choose.error} onSubmit={choose.run}>
          <NewPassword label="New password" error={choose.error} />
        </Form>
      )}
      <p>{spent ? <a href="/reset">Ask for a new link</a> : address && <Link href="/log-in">Log in</Link>}</p>
    </Page>
  );
}
