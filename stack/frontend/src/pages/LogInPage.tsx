import { useState } from "react";
import { Link, Redirect, useSearchParams } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { Field } from "../parts/Field.tsx";
import { Form, text } from "../parts/Form.tsx";
import { Page } from "../parts/Page.tsx";
import { SendAgain } from "../parts/SendAgain.tsx";
import { useSession } from "../session.tsx";

export function LogInPage() {
  const { user, loggedIn } = useSession();
  const [params] = useSearchParams();
  const [address, setAddress] = useState("");
  const logIn = useAction(async (values: FormData) => {
    setAddress(text(values, "email"));
    const { user: person } = await auth.login(text(values, "email"), text(values, "password"));
    loggedIn(person);
  });
  if (user) return <Redirect to={within(params.get("next"))} replace />;

  const unverified = logIn.error?.code === "not_verified";
  return (
    <Page title="Log in" narrow>
      <Form submit="Log in" busy={logIn.busy} error={logIn.error} onSubmit={logIn.run}>
        <Field label="Email address" name="email" type="email" autoComplete="username" required error={logIn.error} />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required error={logIn.error} />
      </Form>
      {unverified && <SendAgain address={address} />}
      <p>
        No account yet? <Link href="/sign-up">Sign up</Link>
      </p>
      <p>
        <Link href="/reset">Forgot your password?</Link>
      </p>
    </Page>
  );
}

/** Back to where one wanted to go, but never to another site. */
function within(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : "/tickets";
}
