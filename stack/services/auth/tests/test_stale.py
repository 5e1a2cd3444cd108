"""What was done to an account between somebody's reading it and saving it stays done."""

from __future__ import annotations

from typing import Any
from unittest import mock

from accounts import changes
from accounts.models import User
from common.testing import browser
from django.db.models import Model

from tests.test_accounts import EMAIL, PASSWORD, AccountTest
from tests.test_address import NEW, MailedTest

MEANWHILE = {"email": "new@example.org", "verified": False, "is_active": False, "is_staff": False}
MEANWHILE |= {"is_superuser": False}


class Meanwhile(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        self.user = User.objects.create_superuser(EMAIL, PASSWORD)
        self.login()

    def before_it_is_saved(self) -> Any:
        """All of it happens to the row as soon as somebody else saves what they read before."""
        real, changed = Model.save, User(password="")
        changed.set_password(NEW)

        def save(this: Model, **kwargs: Any) -> None:
            if isinstance(this, User):
                User.objects.filter(pk=self.user.pk).update(password=changed.password, **MEANWHILE)
            real(this, **kwargs)

        return mock.patch.object(Model, "save", save)

    def is_as_meanwhile(self) -> User:
        now = User.objects.get(pk=self.user.pk)
        self.assertEqual({name: getattr(now, name) for name in MEANWHILE}, MEANWHILE)
        self.assertTrue(now.check_password(NEW))
        return now

    def test_new_names_undo_nothing(self) -> None:
        with self.before_it_is_saved():
            answer = self.page.patch("/api/auth/me/", {"first_name": "Ada"}, format="json")
        self.assertEqual((answer.status_code, self.is_as_meanwhile().first_name), (200, "Ada"))

    def test_nor_does_the_admin(self) -> None:
        admin = User.objects.create_superuser("root@example.org", PASSWORD)
        self.page.force_login(admin)
        form = {"email": EMAIL, "verified": "on", "first_name": "Ada", "last_name": ""}
        form |= {"is_active": "on", "is_staff": "on", "is_superuser": "on"}
        with self.before_it_is_saved():
            answer = self.page.post(f"/admin/accounts/user/{self.user.pk}/change/", form, secure=True)
        self.assertEqual((answer.status_code, self.is_as_meanwhile().first_name), (302, "Ada"))

    def test_nor_a_password_chosen_in_the_admin(self) -> None:
        self.page.force_login(User.objects.create_superuser("root@example.org", PASSWORD))
        chosen = "yet another horse 42"
        form = {"password1": chosen, "password2": chosen, "usable_password": "true"}
        with self.before_it_is_saved():
            self.page.post(f"/admin/accounts/user/{self.user.pk}/password/", form, secure=True)
        now = User.objects.get(pk=self.user.pk)
        self.assertEqual({name: getattr(now, name) for name in MEANWHILE}, MEANWHILE)
        self.assertTrue(now.check_password(chosen))

    def test_what_is_told_is_what_the_database_holds(self) -> None:
        stale = User.objects.get(pk=self.user.pk)
        User.objects.filter(pk=stale.pk).update(is_staff=False)
        stale.first_name = "Ada"
        stale.save()
        stale.verified = False
        stale.save(update_fields=["verified"])
        self.assertEqual(self.events("account.changed"), [], "nothing that others keep was changed here")
        stale.email = "other@example.org"
        stale.save(update_fields=["email"])
        (told,) = self.events("account.changed")
        said = {"id": stale.pk, "email": "other@example.org", "is_staff": False, "is_active": True}
        self.assertEqual(told["data"]["account"], said)

    def test_another_name_is_told_once(self) -> None:
        self.user.first_name, self.user.last_name = "Ada", "Lovelace"
        self.user.save()
        self.user.save()
        (told,) = self.events("account.renamed")
        self.assertEqual(told["data"], {"account": {"id": self.user.pk, "name": "Ada Lovelace"}})
        self.assertEqual(told["actor"]["name"], "Ada Lovelace")

    def test_what_was_changed_is_written_sooner_or_later(self) -> None:
        user = User.objects.defer("last_name").get(pk=self.user.pk)
        user.first_name, user.is_staff = "Ada", False
        user.save(update_fields=["is_staff"])
        self.assertEqual(user.last_name, "", "read only now")
        user.save()
        kept = User.objects.get(pk=self.user.pk)
        self.assertEqual((kept.first_name, kept.is_staff), ("Ada", False))

    def test_one_that_was_removed_does_not_come_back(self) -> None:
        stale = User.objects.get(pk=self.user.pk)
        User.objects.filter(pk=stale.pk).delete()
        stale.first_name = "Ada"
        with self.assertRaises(Exception):  # noqa: B017 - Django's own, another one in each release
            stale.save()
        self.assertFalse(User.objects.filter(pk=self.user.pk).exists())


class OwnPassword(MailedTest):
    def test_whoever_was_slower_than_a_reset_changes_nothing(self) -> None:
        self.account()
        self.login()
        token = self.reset_token()
        right = changes.is_password

        def reset_meanwhile(given: str, kept: str) -> bool:
            if User.objects.get().check_password(PASSWORD):
                self.post("password/reset/confirm", browser(), token=token, password=NEW)
            return bool(right(given, kept))

        with mock.patch("accounts.changes.is_password", reset_meanwhile):
            answer = self.post("password", current=PASSWORD, password="the thief's 42")  # noqa: S106
        self.assertEqual((answer.status_code, list(answer.json())), (400, ["current"]))
        self.assertTrue(User.objects.get().check_password(NEW))
