import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { auth } from "../api/calls.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { Loading } from "../parts/Loading.tsx";
import { Message } from "../parts/Message.tsx";
import { Page } from "../parts/Page.tsx";
import { SendAgain } from "../parts/SendAgain.tsx";

export function VerifyPage() {
  const [params] = useSearchParams();
  const [token] = useState(params.get("token") ?? "");
  const { data, error } = useLoad(() => auth.verify(token), token);
  return (
    <Page title="Confirm your address" narrow>
      {!data && !error && <Loading what="Confirming" />}
      {data && <Message kind="success">Your address is confirmed. You can log in now.</Message>}
      {error && <Message kind="error">{error.fields.token ?? error.message}</Message>}
      {error && <SendAgain />}
      <p>
        <Link className="button primary" href="/log-in">
          Log in
        </Link>
      </p>
    </Page>
  );
}
