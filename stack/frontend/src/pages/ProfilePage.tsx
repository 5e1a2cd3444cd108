import { useState } from "react";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { Message } from "../parts/Message.tsx";
import { NewPassword } from "../parts/NewPassword.tsx";
import { Page } from "../parts/Page.tsx";
import { Switches } from "../parts/Switches.tsx";
import { useSession, useUser } from "../session.tsx";

export function ProfilePage() {
  return (
    <Page title="Your account" narrow>
      <Names />
      <Address />
      <Password />
      <Switches />
    </Page>
  );
}

function Names() {
  const user = useUser();
  const { loggedIn } = useSession();
  const [done, setDone] = useState(false);
  const rename = useAction(async (values: FormData) => {
    setDone(false);
    loggedIn(await auth.rename(text(values, "first_name").trim(), text(values, "last_name").trim()));
    setDone(true);
  });
  return (
    <section aria-labelledby="names">
      <h2 id="names">Name</h2>
      <Form submit="Save" busy={rename.busy} error={rename.error} onSubmit={rename.run}>
        <Field label="First name" name="first_name" autoComplete="given-name" defaultValue={user.first_name} error={rename.error} />
        <Field label="Last name" name="last_name" autoComplete="family-name" defaultValue={user.last_name} error={rename.error} />
      </Form>
      {done && <Message kind="success">Saved.</Message>}
    </section>
  );
}

function Address() {
  const user = useUser();
  const [sentTo, setSentTo] = useState<string>();
  const move = useAction(async (values: FormData) => {
    await auth.askForAddress(text(values, "email"), text(values, "password"));
    setSentTo(text(values, "email"));
  });
  return (
    <section aria-labelledby="address">
      <h2 id="address">Email address</h2>
      <p>
        Yours is <strong className="address">{user.email}</strong>.
      </p>
      {sentTo && <Message kind="success">We have sent a mail to {sentTo}. Your address changes when you follow its link.</Message>}
      {!sentTo && (
        <Form submit="Change the address" busy={move.busy} error={move.error} onSubmit={move.run}>
          <Field label="New address" name="email" type="email" autoComplete="email" required error={move.error} />
          <Field label="Your password" name="password" type="password" autoComplete="current-password" required error={move.error} />
        </Form>
      )}
    </section>
  );
}

function Password() {
  const { loggedIn } = useSession();
  const [turn, setTurn] = useState(0);
  const change = useAction(async (values: FormData) => {
    const { user } = await auth.changePassword(text(values, "current"), text(values, "password"));
    loggedIn(user);
    setTurn((now) => now + 1);
  });
  return (
    <section aria-labelledby="password">
      <h2 id="password">Password</h2>
      {turn > 0 && <Message kind="success">Your password is changed, and all other devices are logged out.</Message>}
      <Form key={turn} submit="Change the password" busy={change.busy} error={change.error} onSubmit={change.run}>
        <Field label="Current password" name="current" type="password" autoComplete="current-password" required error={change.error} />
        <NewPassword label="New password" error={change.error} />
      </Form>
    </section>
  );
}
