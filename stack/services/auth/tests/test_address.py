"""Whose an address is: sign-up, reset and change of password and of address, where mail is sent."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from unittest import mock

from accounts.links import ADDRESS, fingerprint
from accounts.models import Attempt, SignIn, User
from common.testing import browser
from django.core import signing
from django.db.models import F
from django.utils import timezone

from tests.test_accounts import EMAIL, PASSWORD, AccountTest, with_mail

NEW = "another horse 42"
AT = "/api/auth/"


@with_mail
class MailedTest(AccountTest):
    def invite(self, email: str = EMAIL) -> str:
        self.assertEqual(self.post("register", email=email).status_code, 202)
        return self.token_of("sign_up", "verify")

    def account(self, email: str = EMAIL, password: str = PASSWORD) -> User:
        return User.objects.create_user(email, password, verified=True)

    def reset_token(self, email: str = EMAIL) -> str:
        self.assertEqual(self.post("password/reset", email=email).status_code, 202)
        return self.token_of("reset", "reset")

    def past(self, ago_s: float) -> Any:
        return mock.patch("time.time", return_value=timezone.now().timestamp() - ago_s)


class SignUp(MailedTest):
    def test_a_stranger_who_signs_up_first_neither_keeps_the_address_nor_chooses_the_password(self) -> None:
        self.post("register", email=EMAIL, password="the stranger's 42", first_name="Eve")  # noqa: S106
        self.assertEqual(self.post("register", email=EMAIL, password=PASSWORD).status_code, 202)
        for mail in self.mails("sign_up"):  # whichever the owner follows
            self.assertEqual(mail["to"], EMAIL)
        answer = self.post("verify", token=self.token_of("sign_up", "verify"), password=PASSWORD, first_name="Ada")
        self.assertEqual((answer.status_code, answer.json()), (200, {"verified": True, "email": EMAIL}))
        self.assertEqual(self.login(password="the stranger's 42").status_code, 401)  # noqa: S106
        self.assertEqual((self.login().status_code, User.objects.get().first_name), (200, "Ada"))
        self.assertTrue(User.objects.get().verified)

    def test_an_unverified_account_is_its_addresss_owners(self) -> None:
        """Of a release before, of the admin, or of the time before there was mail."""
        old = User.objects.create_user(EMAIL, "the stranger's 42", first_name="Eve")
        stranger = browser()
        with self.settings(EMAIL_HOST=""):
            self.login(password="the stranger's 42", page=stranger)  # noqa: S106
        self.assertEqual(self.login(password="the stranger's 42").json()["code"], "not_verified")  # noqa: S106
        self.assertEqual(self.post("verify", token=self.invite(), password=PASSWORD).status_code, 200)
        self.assertEqual((self.login().status_code, User.objects.get().pk), (200, old.pk))
        self.assertEqual(stranger.get("/api/auth/me/").status_code, 401)
        self.assertEqual(self.post("refresh", stranger).status_code, 401)

    def test_nobody_learns_who_has_an_account(self) -> None:
        self.account()
        self.account("locked@example.org")
        User.objects.filter(email="locked@example.org").update(is_active=False)
        emails = (EMAIL, "eve@example.org", "locked@example.org")
        for what in ("register", "verify/again", "password/reset"):
            answers = [self.post(what, email=email) for email in emails]
            said = {
                (one.status_code, one.content.replace(email.encode(), b""))
                for one, email in zip(answers, emails, strict=True)
            }
            self.assertEqual(len(said), 1, what)
        told = {(mail["to"], mail["about"]) for mail in self.mails()}
        self.assertEqual(
            told,
            {
                (EMAIL, "has_account"),
                (EMAIL, "reset"),
                ("eve@example.org", "sign_up"),
                ("eve@example.org", "no_account"),
                ("locked@example.org", "has_account"),
                ("locked@example.org", "no_account"),
            },
        )

    def test_no_account_is_made_before_the_link_comes_back_and_unused_ones_end(self) -> None:
        self.invite()
        self.assertEqual(User.objects.count(), 0)
        long_ago = timezone.now() - timedelta(days=8)
        staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True, date_joined=long_ago)
        used = User.objects.create_user("used@example.org", PASSWORD, date_joined=long_ago, last_login=long_ago)
        User.objects.create_user("unused@example.org", PASSWORD, date_joined=long_ago)
        fresh = User.objects.create_user("fresh@example.org", PASSWORD)
        self.invite("bob@example.org")
        self.assertEqual(set(User.objects.values_list("pk", flat=True)), {staff.pk, used.pk, fresh.pk})

    def test_a_program_that_opens_the_link_confirms_nothing(self) -> None:
        """It has no password to choose; and the page sends nothing by itself."""
        self.assertEqual(self.post("verify", token=self.invite()).status_code, 400)
        self.assertEqual(User.objects.count(), 0)

    def test_a_link_works_once(self) -> None:
        token = self.invite()
        answers = [self.post("verify", token=token, password=password) for password in (PASSWORD, NEW)]
        self.assertEqual([answer.status_code for answer in answers], [200, 400])
        self.assertEqual(list(answers[1].json()), ["token"])
        self.assertEqual(self.login().status_code, 200)

    def test_a_forged_an_old_and_a_foreign_link_are_refused(self) -> None:
        forged = signing.dumps([EMAIL, True], salt="accounts.links/verify")
        with self.past(3 * 24 * 3600 + 1):
            old = self.invite()
        self.account("bob@example.org")
        other = self.reset_token("bob@example.org")
        for bad in (forged, old, other, self.invite()[:-1], "", "a:b:c"):
            self.assertEqual(self.post("verify", token=bad, password=PASSWORD).status_code, 400, bad)
        self.assertEqual(User.objects.filter(email=EMAIL).count(), 0)

    def test_three_mails_an_hour_from_one_place_and_ten_a_day(self) -> None:
        for _ in range(5):
            self.assertEqual(self.post("verify/again", email="ADA@example.org").status_code, 202)
        self.assertEqual(len(self.mails("sign_up")), 3)
        elsewhere = [browser() for _ in range(9)]
        for number, page in enumerate(elsewhere):
            page.post(
                f"{AT}register/", {"email": EMAIL}, format="json", headers={"x-forwarded-for": f"192.0.2.{number}"}
            )
        self.assertEqual(len(self.mails("sign_up")), 10)

    def test_one_place_has_thirty_an_hour_sent_whoever_they_go_to(self) -> None:
        asked = [self.post(("register", "password/reset")[n % 2], email=f"{n}@example.org") for n in range(32)]
        self.assertEqual([one.status_code for one in asked], [202] * 30 + [429] * 2)
        self.assertEqual(len(self.mails()), 30)
        self.account()
        self.login()
        self.assertEqual(self.post("email", email="new@example.org", password=PASSWORD).status_code, 429)
        elsewhere = {"x-forwarded-for": "192.0.2.1"}
        self.page.post(f"{AT}register/", {"email": "eve@example.org"}, format="json", headers=elsewhere)
        self.assertEqual(self.mails()[-1]["to"], "eve@example.org", "and what was refused cost nobody a mail")

    def test_and_a_hundred_a_day(self) -> None:
        for hour in range(3):
            for number in range(30):
                self.post("register", email=f"{hour}-{number}@example.org")
            Attempt.objects.update(at=F("at") - timedelta(hours=2))
        codes = [self.post("register", email=f"{number}@example.org").status_code for number in range(12)]
        self.assertEqual(codes, [202] * 10 + [429] * 2)
        self.assertEqual(len(self.mails("sign_up")), 100)

    def test_the_mail_and_what_it_is_about_are_one(self) -> None:
        with mock.patch("accounts.mails.emit", side_effect=OSError), self.assertRaises(OSError):
            self.post("register", email=EMAIL)
        self.account()
        token = self.reset_token()
        with mock.patch("accounts.mails.emit", side_effect=OSError), self.assertRaises(OSError):
            self.post("password/reset/confirm", token=token, password=NEW)
        self.assertTrue(User.objects.get().check_password(PASSWORD))


class Password(MailedTest):
    def setUp(self) -> None:
        super().setUp()
        self.user = self.account()
        self.other = browser()
        self.login(page=self.other)

    def everywhere_else_is_out(self) -> None:
        self.assertEqual(self.other.get("/api/auth/me/").status_code, 401, "its access token ended too")
        self.assertEqual(self.post("refresh", self.other).status_code, 401)
        self.assertEqual([mail["to"] for mail in self.mails("password_changed")], [EMAIL])

    def test_one_that_was_forgotten_is_chosen_anew_once_and_ends_what_was_there(self) -> None:
        User.objects.update(verified=False)
        token = self.reset_token()
        answers = [self.post("password/reset/confirm", token=token, password=NEW) for _ in range(2)]
        self.assertEqual([answer.status_code for answer in answers], [200, 400])
        self.assertEqual(answers[0].json(), {"email": EMAIL})
        self.everywhere_else_is_out()
        self.assertEqual((self.login().status_code, self.login(password=NEW).status_code), (401, 200))
        self.assertTrue(User.objects.get().verified, "the link came by mail")

    def test_whoever_tried_too_often_and_then_chose_another_gets_in_at_once(self) -> None:
        for _ in range(11):
            self.login(password="what was it")  # noqa: S106
        self.assertEqual(self.login().status_code, 429)
        self.post("password/reset/confirm", token=self.reset_token(), password=NEW)
        self.assertEqual(self.login(password=NEW).status_code, 200)

    def ask_everywhere(self, email: str = EMAIL) -> int:
        """A stranger uses up all mails; how many went."""
        before = len(self.mails())
        for number in range(12):
            headers = {"x-forwarded-for": f"192.0.2.{number}"}
            browser().post(f"{AT}password/reset/", {"email": email}, format="json", headers=headers)
        return len(self.mails()) - before

    def test_nobody_is_kept_out_whose_mails_a_stranger_used_up(self) -> None:
        """Links go on working, but for what ends them: then mails are there again."""
        self.login()
        for ends in ("reset", "password", "address", "sign_up"):
            with self.subTest(ends):
                email = {"address": "new@example.org", "sign_up": "bob@example.org"}.get(ends, EMAIL)
                Attempt.objects.all().delete()
                self.assertEqual(self.ask_everywhere(email), 10)
                for _ in range(3):
                    self.post("password/reset", email=email)
                if ends == "reset":
                    token = self.token_of("reset", "reset")
                    self.post("password/reset/confirm", token=token, password=NEW)
                elif ends == "password":
                    self.login(password=NEW)
                    self.post("password", current=NEW, password=PASSWORD)
                elif ends == "address":
                    self.post("email", email=email, password=PASSWORD)
                    self.post("email/confirm", token=self.token_of("address", "address"))
                else:
                    self.post("verify", token=self.invite(email), password=PASSWORD)
                before = len(self.mails("reset"))
                self.post("password/reset", email=email)
                self.assertEqual(len(self.mails("reset")), before + 1)

    def test_whoever_chose_another_is_known_where_everybody_is_kept_out(self) -> None:
        for number in range(100):
            guess = {"email": EMAIL, "password": "no"}
            browser().post(f"{AT}login/", guess, format="json", headers={"x-forwarded-for": f"192.0.2.{number}"})
        self.assertEqual(self.login().status_code, 429)
        self.post("password/reset/confirm", token=self.reset_token(), password=NEW)
        self.assertEqual(self.login(password=NEW).status_code, 200)

    def test_a_reset_link_ends(self) -> None:
        with self.past(24 * 3600 + 1):
            old = self.reset_token()
        foreign = self.invite("eve@example.org")
        good = self.reset_token()
        self.assertEqual(self.post("password/reset/confirm", token=good, password="short").status_code, 400)  # noqa: S106
        User.objects.update(is_active=False)
        for bad in (old, foreign, good, ""):
            self.assertEqual(self.post("password/reset/confirm", token=bad, password=NEW).status_code, 400)
        self.assertTrue(User.objects.get().check_password(PASSWORD))

    def test_whoever_knows_it_changes_it_and_stays_logged_in_here_alone(self) -> None:
        self.assertEqual(self.post("password", current=PASSWORD, password=NEW).status_code, 401)
        self.login()
        for wrong in ({"current": "no", "password": NEW}, {"current": PASSWORD, "password": "short"}):
            self.assertEqual(self.post("password", **wrong).status_code, 400)
        answer = self.post("password", current=PASSWORD, password=NEW)
        self.assertEqual((answer.status_code, answer.json()["user"]["email"]), (200, EMAIL))
        self.assertEqual(self.page.get("/api/auth/me/").status_code, 200)
        self.assertEqual(self.post("refresh").status_code, 200)
        self.everywhere_else_is_out()
        self.assertEqual(SignIn.objects.count(), 1)

    def test_a_screen_left_open_is_no_place_to_guess(self) -> None:
        self.login()
        for _ in range(10):
            self.assertEqual(self.post("password", current="no", password=NEW).status_code, 400)
        self.assertEqual(self.post("password", current=PASSWORD, password=NEW).status_code, 429)


class Address(MailedTest):
    def setUp(self) -> None:
        super().setUp()
        self.user = self.account()
        self.login()

    def ask(self, email: str = "new@example.org", password: str = PASSWORD) -> int:
        return int(self.post("email", email=email, password=password).status_code)

    def test_it_changes_when_the_new_one_answers_and_the_old_one_is_told(self) -> None:
        self.assertEqual(self.ask(password="no"), 400)  # noqa: S106
        self.assertEqual(self.ask("New@Example.org"), 202)
        self.assertEqual((User.objects.get().email, self.mails("address")[0]["to"]), (EMAIL, "new@example.org"))
        token = self.token_of("address", "address")
        answers = [self.post("email/confirm", browser(), token=token) for _ in range(2)]
        self.assertEqual([answer.status_code for answer in answers], [200, 400])
        self.assertEqual(answers[0].json(), {"email": "new@example.org"})
        (told,) = self.mails("address_changed")
        self.assertEqual((told["to"], told["new"]), (EMAIL, "new@example.org"))
        self.assertEqual(self.login("new@example.org").json()["user"]["email"], "new@example.org")
        self.assertEqual(self.login().status_code, 401)

    def test_mail_and_page_say_which_account_moves(self) -> None:
        self.ask()
        self.assertEqual(self.mails("address")[0]["old"], EMAIL)
        said = self.token_of("address", "address").partition(":")[0]
        shown = json.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        self.assertEqual(shown[2:], ["new@example.org", EMAIL], "as src/links.ts reads it")

    def test_the_longest_addresses_fit(self) -> None:
        long = [f"a@{'.'.join([letter * 60] * 2)}.org" for letter in "\u00fc\u00f6"]
        User.objects.update(email=long[0])
        self.assertEqual(self.ask(long[1]), 202)
        answer = self.post("email/confirm", token=self.token_of("address", "address"))
        self.assertEqual((answer.status_code, answer.json()), (200, {"email": long[1]}))

    def test_a_link_of_the_release_before_works(self) -> None:
        token = ADDRESS.token(self.user.pk, fingerprint(self.user), "new@example.org")
        self.assertEqual(self.post("email/confirm", token=token).status_code, 200)

    def test_another_password_ends_the_link(self) -> None:
        self.ask()
        self.post("password", current=PASSWORD, password=NEW)
        self.assertEqual(self.post("email/confirm", token=self.token_of("address", "address")).status_code, 400)

    def test_one_that_is_somebodys_is_not_taken_and_nobody_learns_of_it(self) -> None:
        self.account("bob@example.org")
        self.assertEqual([self.ask("bob@example.org"), self.ask()], [202, 202])
        self.assertEqual([mail["to"] for mail in self.mails("address_taken")], ["bob@example.org"])
        self.account("new@example.org")  # meanwhile
        self.assertEqual(self.post("email/confirm", token=self.token_of("address", "address")).status_code, 400)

    def test_who_has_mails_sent_there_keeps_nobody_else_from_moving_there(self) -> None:
        for number in range(2):
            thief = browser()
            self.account(f"thief-{number}@example.org")
            self.login(f"thief-{number}@example.org", page=thief)
            for _ in range(20):
                Attempt.objects.filter(what="address").delete()  # an hour later
                self.post("email", thief, email="new@example.org", password=PASSWORD)
        self.assertEqual(len(self.mails("address")), 20)
        self.ask()
        self.assertEqual(self.post("email/confirm", token=self.token_of("address", "address")).status_code, 200)
        self.assertEqual(len(self.mails("address_changed")), 1)

    def test_whoever_never_proved_it_gives_way(self) -> None:
        squatter = User.objects.create_user("new@example.org", "the stranger's 42", last_login=timezone.now())
        self.ask()
        self.assertEqual(self.post("email/confirm", token=self.token_of("address", "address")).status_code, 200)
        squatter.refresh_from_db()
        self.assertEqual(squatter.email, f"unverified-{squatter.pk}@address.invalid")

    def test_names_change_at_once_and_nothing_else_does(self) -> None:
        fields = {"first_name": "Ada", "last_name": "L", "email": "x@example.org", "is_staff": True, "verified": False}
        answer = self.page.patch(f"{AT}me/", fields, format="json")
        said = (answer.status_code, answer.json()["first_name"], answer.json()["email"], answer.json()["is_staff"])
        self.assertEqual(said, (200, "Ada", EMAIL, False))
        foreign = browser("https://evil.example")
        foreign.cookies = self.page.cookies
        self.assertEqual(foreign.patch(f"{AT}me/", fields, format="json").status_code, 403)
