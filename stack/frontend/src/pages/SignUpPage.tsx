import { useState } from "react";
import { Link, useLocation } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { LookIntoInbox } from "../parts/LookIntoInbox.tsx";
import { Page } from "../parts/Page.tsx";

export function SignUpPage() {
  const [address, setAddress] = useState<string>();
  if (!address) return <SignUp done={setAddress} />;
  return <LookIntoInbox address={address} toDo="Follow its link to confirm your address and to choose a password." />;
}

function SignUp({ done }: { done: (address: string) => void }) {
  const [, navigate] = useLocation();
  const signUp = useAction(async (values: FormData) => {
    const { email, token } = await auth.register(text(values, "email"));
    if (token) navigate(`/verify?token=${encodeURIComponent(token)}`);
    else done(email);
  });
  return (
    <Page title="Sign up" narrow>
      <Form submit="Sign up" busy={signUp.busy} error={signUp.error} onSubmit={signUp.run}>
        <Field label="Email address" name="email" type="email" autoComplete="email" required error={signUp.error} />
      </Form>
      <p>
        Already have an account? <Link href="/log-in">Log in</Link>
      </p>
    </Page>
  );
}
