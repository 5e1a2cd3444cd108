"""Run by `manage.py test`; PYTHONPATH holds services/, as /app does in the container."""

from __future__ import annotations

import logging
from typing import Any
from unittest import mock

import jwt
from accounts import tokens
from accounts.management.commands.prepare import ensure_superuser
from accounts.models import User
from common import health
from django.core.management import call_command
from django.test import Client, TestCase, override_settings
from rest_framework.test import APIClient

EMAIL, PASSWORD = "ada@example.org", "correct horse 42"


# The real hashers are slow on purpose.
quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])


@quick
class Accounts(TestCase):
    def setUp(self) -> None:
        self.api = APIClient(headers={"host": "tickets.example"})

    def register(self, email: str = EMAIL, password: str = PASSWORD) -> Any:
        return self.api.post("/api/auth/register/", {"email": email, "password": password}, format="json")

    def login(self, email: str = EMAIL, password: str = PASSWORD) -> Any:
        return self.api.post("/api/auth/login/", {"email": email, "password": password}, format="json")

    def me(self, token: str) -> Any:
        return self.api.get("/api/auth/me/", headers={"authorization": f"Bearer {token}"})

    def test_whoever_registers_can_log_in_and_see_themselves(self) -> None:
        self.assertEqual(self.register("Ada@Example.org").status_code, 201)
        answer = self.login("ADA@example.org")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.me(answer.json()["access"]).json()["email"], EMAIL)

    def test_an_address_has_one_account(self) -> None:
        self.register()
        answer = self.register("ADA@EXAMPLE.ORG")
        self.assertEqual((answer.status_code, list(answer.json())), (400, ["email"]))

    def test_a_weak_password_is_refused(self) -> None:
        answer = self.register(password="12345")  # noqa: S106
        self.assertEqual((answer.status_code, list(answer.json())), (400, ["password"]))

    def test_a_wrong_password_a_stranger_and_a_locked_account_get_the_same_answer(self) -> None:
        self.register()
        wrong, stranger = self.login(password="no"), self.login("eve@example.org")  # noqa: S106
        User.objects.update(is_active=False)
        locked = self.login()
        self.assertEqual({answer.status_code for answer in (wrong, stranger, locked)}, {401})
        self.assertTrue(wrong.json() == stranger.json() == locked.json())

    def test_odd_input_is_an_answer_not_a_crash(self) -> None:
        for body in ([], {"email": ["x"], "password": {}}, {"email": "\0", "password": "\0"}, "text", None):
            for path in ("/api/auth/login/", "/api/auth/register/"):
                self.assertIn(self.api.post(path, body, format="json").status_code, (400, 401), body)


@quick
class Tokens(TestCase):
    def setUp(self) -> None:
        self.user = User.objects.create_user(EMAIL, PASSWORD)
        self.token = tokens.issue(self.user)

    def refused(self, token: str) -> None:
        answer = APIClient(headers={"host": "tickets.example"}).get(
            "/api/auth/me/", headers={"authorization": f"Bearer {token}"}
        )
        self.assertEqual(answer.status_code, 401)

    def test_the_published_key_verifies_a_token_and_cannot_make_one(self) -> None:
        published = Client(headers={"host": "tickets.example"}).get("/api/auth/keys/").json()["keys"][0]
        self.assertEqual(jwt.decode(self.token, jwt.PyJWK(published), algorithms=["EdDSA"])["sub"], str(self.user.pk))
        self.assertNotIn("d", published)

    def test_no_algorithm_and_a_shared_secret_are_refused(self) -> None:
        claims = jwt.decode(self.token, options={"verify_signature": False})
        self.refused(jwt.encode(claims, None, algorithm="none"))
        self.refused(jwt.encode(claims, tokens.public_key()["x"] * 2, algorithm="HS256"))

    def test_an_expired_token_and_a_locked_account_are_refused(self) -> None:
        with self.settings(JWT_LIFETIME_S=-1):
            self.refused(tokens.issue(self.user))
        User.objects.update(is_active=False)
        self.refused(self.token)

    def test_garbage_is_refused(self) -> None:
        for token in ("", "x", "a.b.c", "\xff"):
            self.refused(token)


@quick
class Superuser(TestCase):
    def test_it_is_made_left_alone_and_brought_back_to_the_secret(self) -> None:
        first, second = "first secret", "second secret"
        self.assertEqual(ensure_superuser(EMAIL, first), "created")
        self.assertEqual(ensure_superuser(EMAIL, first), "unchanged")
        self.assertEqual(ensure_superuser(EMAIL, second), "updated")
        user = User.objects.get()
        self.assertTrue(user.is_superuser and user.is_staff and user.check_password(second))


class Health(TestCase):
    def answer(self, **checks: Any) -> tuple[int, dict[str, str]]:
        with mock.patch.multiple(health, _readiness=health._Readiness(checks), DEADLINE_S=1):
            response = Client(headers={"host": "tickets.example"}).get("/ready/")
        return response.status_code, response.json()

    def setUp(self) -> None:
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_ready_when_everything_was_reached(self) -> None:
        status, answer = self.answer(database=lambda: None, broker=lambda: None)
        self.assertEqual((status, answer["status"]), (200, "ok"))

    def test_a_server_that_never_answers_is_unreachable_within_the_deadline(self) -> None:
        release = health.threading.Event()
        self.addCleanup(release.set)
        status, answer = self.answer(database=lambda: None, broker=release.wait)
        self.assertEqual((status, answer["database"], answer["broker"]), (503, "ok", "unreachable"))

    def test_the_real_broker_check_fails_without_a_broker(self) -> None:
        status, answer = self.answer(broker=health._broker)
        self.assertEqual((status, answer["broker"]), (503, "unreachable"))

    def test_another_host_is_refused(self) -> None:
        self.assertEqual(Client(headers={"host": "evil.example"}).get("/health/").status_code, 400)


class Migrations(TestCase):
    def test_models_and_migrations_agree(self) -> None:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
