import { Redirect, Route, Switch } from "wouter";
import { AddressPage } from "./pages/AddressPage.tsx";
import { LogInPage } from "./pages/LogInPage.tsx";
import { NewTicketPage } from "./pages/NewTicketPage.tsx";
import { NotFoundPage } from "./pages/NotFoundPage.tsx";
import { NotificationsPage } from "./pages/NotificationsPage.tsx";
import { ProfilePage } from "./pages/ProfilePage.tsx";
import { ResetPage } from "./pages/ResetPage.tsx";
import { SignUpPage } from "./pages/SignUpPage.tsx";
import { TicketPage } from "./pages/TicketPage.tsx";
import { TicketsPage } from "./pages/TicketsPage.tsx";
import { VerifyPage } from "./pages/VerifyPage.tsx";
import { Held } from "./parts/Held.tsx";
import { Footer, Header } from "./parts/Frame.tsx";
import { RequireSession, useSession } from "./session.tsx";
import { UnreadProvider } from "./unread.tsx";

export function App() {
  const { user } = useSession();
  const pages = (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Held />
      <Switch>
        <Route path="/sign-up" component={SignUpPage} />
        <Route path="/verify" component={VerifyPage} />
        <Route path="/reset" component={ResetPage} />
        <Route path="/address" component={AddressPage} />
        <Route path="/log-in" component={LogInPage} />
        <Route>
          <RequireSession>
            <InnerPages />
          </RequireSession>
        </Route>
      </Switch>
      <Footer />
    </>
  );
  return user ? <UnreadProvider key={user.id}>{pages}</UnreadProvider> : pages;
}

function InnerPages() {
  return (
    <Switch>
      <Route path="/">
        <Redirect to="/tickets" replace />
      </Route>
      <Route path="/tickets" component={TicketsPage} />
      <Route path="/tickets/new" component={NewTicketPage} />
      <Route path="/tickets/:id">{({ id }) => (/^\d+$/.test(id) ? <TicketPage key={id} id={Number(id)} /> : <NotFoundPage />)}</Route>
      <Route path="/notifications" component={NotificationsPage} />
      <Route path="/profile" component={ProfilePage} />
      <Route component={NotFoundPage} />
    </Switch>
  );
}
