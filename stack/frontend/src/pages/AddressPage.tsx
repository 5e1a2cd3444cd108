import { useState } from "react";
import { Link } from "wouter";
import { auth } from "../api/calls.ts";
import { useAction } from "../hooks/useAction.ts";
import { useToken } from "../hooks/useToken.ts";
import { accountToMove } from "../links.ts";
import { Form } from "../parts/Form.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { useSession } from "../session.tsx";

export function AddressPage() {
  const token = useToken();
  const old = accountToMove(token);
  const { user, loggedIn } = useSession();
  const [address, setAddress] = useState<string>();
  const confirm = useAction(async () => {
    const { email } = await auth.confirmAddress(token);
    setAddress(email);
    if (user) loggedIn(await auth.me());
  });
  const spent = confirm.error?.fields.token;
  return (
    <Page title="Confirm your new address" narrow>
      {address && <Message kind="success">Your account has moved to {address}.</Message>}
      {spent && <Message kind="error">{spent}</Message>}
      {!address && !spent && (
        <Form submit="Confirm" busy={confirm.busy} error={confirm.error} onSubmit={() => void confirm.run()}>
          {old && (
            <p>
              The account <span className="address">{old}</span> moves to this address. If it is not yours, leave this page.
            </p>
          )}
          <p>From then on you log in with this address, and all mails come here.</p>
        </Form>
      )}
      {(address || spent) && (
        <p>
          <Link href="/profile">To your account</Link>
        </p>
      )}
    </Page>
  );
}
