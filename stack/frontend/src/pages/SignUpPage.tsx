import { useState } from "react";
import { Link } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { Page } from "../parts/Page.tsx";

export function SignUpPage() {
  const [address, setAddress] = useState<string>();
  return address ? <LookIntoInbox address={address} /> : <SignUp done={setAddress} />;
}

function SignUp({ done }: { done: (address: string) => void }) {
  const signUp = useAction(async (values: FormData) => {
    const account = await auth.register(text(values, "email"), text(values, "password"), text(values, "first_name").trim());
    done(account.email);
  });
  return (
    <Page title="Sign up" narrow>
      <Form submit="Sign up" busy={signUp.busy} error={signUp.error} onSubmit={signUp.run}>
        <Field label="Name" name="first_name" autoComplete="name" maxLength={150} error={signUp.error} hint="May stay empty." />
        <Field label="Email address" name="email" type="email" autoComplete="email" required error={signUp.error} />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          hint="Eight characters or more, not a common word."
          error={signUp.error}
        />
      </Form>
      <p>
        Already have an account? <Link href="/log-in">Log in</Link>
      </p>
    </Page>
  );
}

function LookIntoInbox({ address }: { address: string }) {
  return (
    <Page title="Look into your inbox" narrow>
      <p>
        We have sent a link to <strong className="address">{address}</strong>. Follow it to confirm your address, then log in.
      </p>
      <p className="quiet">Nothing there? It may take a minute, or lie among the unwanted mail. Logging in offers to send it again.</p>
      <p>
        <Link href="/log-in">To the log-in</Link>
      </p>
    </Page>
  );
}
