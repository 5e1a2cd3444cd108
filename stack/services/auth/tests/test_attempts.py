"""Who is kept from guessing, and who is not kept out by that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from accounts.models import Attempt, User
from common.testing import browser
from django.utils import timezone
from rest_framework.test import APIClient

from tests.test_accounts import EMAIL, PASSWORD, AccountTest

AT_MOST = 10
HERE, THERE = "192.0.2.1", "198.51.100.7"


class Attempts(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        User.objects.create_user(EMAIL, PASSWORD, is_staff=True, verified=True)

    def tries(self, password: str, address: str, page: APIClient | None = None, email: str = EMAIL) -> int:
        body = {"email": email, "password": password}
        asked = (page or browser()).post("/api/auth/login/", body, format="json", headers={"x-forwarded-for": address})
        return int(asked.status_code)

    def at_the_admin(self, password: str, address: str, page: APIClient | None = None) -> Any:
        form = {"username": EMAIL.upper(), "password": password}
        path = "/admin/login/?next=/admin/"
        return (page or browser()).post(path, form, secure=True, headers={"x-forwarded-for": address})

    def test_ten_wrong_passwords_from_one_place_close_the_account_to_that_place_for_a_while(self) -> None:
        self.assertEqual({self.tries("no", HERE) for _ in range(AT_MOST)}, {401})
        self.assertEqual(self.tries(PASSWORD, HERE), 429)
        self.assertEqual(self.tries("no", HERE, email="bob@example.org"), 401)
        Attempt.objects.update(at=timezone.now() - timedelta(minutes=16))
        self.assertEqual(self.tries(PASSWORD, HERE), 200)

    def test_nobody_locks_somebody_else_out(self) -> None:
        for _ in range(AT_MOST + 1):
            self.tries("no", HERE)
        self.assertEqual(self.tries(PASSWORD, THERE), 200)

    def test_nor_at_the_admin(self) -> None:
        for _ in range(AT_MOST):
            self.assertEqual(self.at_the_admin("no", HERE).status_code, 200)
        self.assertContains(self.at_the_admin(PASSWORD, HERE), "throttled")
        self.assertEqual(self.at_the_admin(PASSWORD, THERE).status_code, 302)

    def test_the_admin_and_the_api_count_together(self) -> None:
        for number in range(AT_MOST):
            (self.at_the_admin if number % 2 else self.tries)("no", HERE)
        self.assertEqual(self.tries(PASSWORD, HERE), 429)

    def test_a_device_that_logged_in_before_is_let_through_wherever_it_is(self) -> None:
        mine, at_admin = browser(), browser()
        self.assertEqual(self.tries(PASSWORD, THERE, mine), 200)
        self.assertEqual(self.at_the_admin(PASSWORD, THERE, at_admin).status_code, 302)
        for _ in range(AT_MOST + 1):
            self.tries("no", HERE)
        self.assertEqual([self.tries(PASSWORD, HERE, page) for page in (browser(), mine, at_admin)], [429, 200, 200])

    def test_a_known_device_may_not_guess_more_than_others(self) -> None:
        mine = browser()
        self.tries(PASSWORD, HERE, mine)
        places = [f"203.0.113.{number}" for number in range(AT_MOST)]
        self.assertEqual({self.tries("no", place, mine) for place in places}, {401})
        self.assertEqual(self.tries(PASSWORD, HERE, mine), 429)

    def test_a_device_is_known_to_whose_account_it_opened(self) -> None:
        User.objects.create_user("eve@example.org", PASSWORD)
        eves = browser()
        self.tries(PASSWORD, HERE, eves, "eve@example.org")
        for _ in range(AT_MOST):
            self.tries("no", HERE, eves)
        self.assertEqual(self.tries(PASSWORD, HERE, eves), 429)

    def test_one_home_is_one_place(self) -> None:
        for number in range(AT_MOST):
            self.tries("no", f"2001:db8:1:2::{number:x}")
        self.assertEqual(self.tries(PASSWORD, "2001:db8:1:2:ffff::1"), 429)
        self.assertEqual(self.tries(PASSWORD, "2001:db8:1:3::1"), 200)

    def test_a_hundred_from_everywhere_close_it_to_places_that_never_logged_in(self) -> None:
        mine = browser()
        self.assertEqual(self.tries(PASSWORD, THERE, mine), 200)
        for number in range(100):
            self.assertEqual(self.tries("no", f"203.0.113.{number // 10}"), 401)
        with self.assertLogs("accounts.attempts", "WARNING") as logged:
            self.assertEqual(self.tries(PASSWORD, HERE), 429)
        said = logged.records[0]
        self.assertEqual(said.data, {"account": User.objects.get(email=EMAIL).pk})  # type: ignore[attr-defined]
        self.assertEqual(self.at_the_admin(PASSWORD, HERE).status_code, 200, "not let in there either")
        self.assertEqual(self.tries(PASSWORD, HERE, mine), 200, "a device that is known")
        self.assertEqual(self.tries("no", HERE, email="bob@example.org"), 401, "another account")
        Attempt.objects.update(at=timezone.now() - timedelta(minutes=16))
        self.assertEqual(self.tries(PASSWORD, HERE), 200)

    def test_what_known_devices_try_closes_it_to_nobody(self) -> None:
        for _ in range(11):
            mine = browser()
            self.assertEqual(self.tries(PASSWORD, THERE, mine), 200)
            for _ in range(AT_MOST):
                self.tries("no", THERE, mine)
        self.assertEqual(self.tries(PASSWORD, HERE), 200)

    def test_a_forged_cookie_is_no_device(self) -> None:
        for cookie in ("x", "a:b:c", "\xff"):
            page = browser()
            page.cookies["__Host-device"] = cookie
            self.assertEqual(self.tries(PASSWORD, THERE, page), 200)
