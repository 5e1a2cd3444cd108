"""What the admin lets somebody do who may change accounts, and no more."""

from __future__ import annotations

import logging
from typing import Any

from accounts.models import User
from common.events.models import Outbox
from common.events.outbox import emit
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.test_accounts import EMAIL, PASSWORD, AccountTest, quick

ADMIN = "/admin/accounts/user"


class Admin(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        self.root = User.objects.create_superuser("root@example.org", PASSWORD)
        self.clerk = User.objects.create_user("clerk@example.org", PASSWORD, is_staff=True, verified=True)
        for name in ("change_user", "view_user", "add_user", "delete_user", "change_group", "view_group", "add_group"):
            self.clerk.user_permissions.add(Permission.objects.get(codename=name))
        self.customer = User.objects.create_user(EMAIL, PASSWORD)
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)

    def as_(self, who: User) -> APIClient:
        page = self.browser()
        page.force_login(who)
        return page

    def change(self, who: User, whom: User, **fields: Any) -> int:
        form = {"email": whom.email, "is_active": "on", "first_name": "", "last_name": "", **fields}
        answer = self.as_(who).post(f"{ADMIN}/{whom.pk}/change/", form, secure=True)
        return int(answer.status_code)

    def test_whoever_may_change_accounts_gives_nobody_rights(self) -> None:
        rights = {"is_staff": "on", "is_superuser": "on", "user_permissions": [1, 2, 3]}
        self.change(self.clerk, self.clerk, **rights)
        self.change(self.clerk, self.customer, **rights, first_name="Ada")
        for who in (self.clerk, self.customer):
            who.refresh_from_db()
            self.assertFalse(who.is_superuser)
        self.assertEqual((self.customer.is_staff, self.customer.user_permissions.count()), (False, 0))
        self.assertEqual(self.customer.first_name, "Ada", "what is theirs to change they can")
        self.assertEqual(
            (self.change(self.root, self.customer, **rights), User.objects.get(email=EMAIL).is_superuser), (302, True)
        )

    def test_nor_takes_over_an_account_that_has_some(self) -> None:
        other = User.objects.create_user("other@example.org", PASSWORD, is_staff=True)
        for whom in (self.root, other):
            before = User.objects.values().get(pk=whom.pk)
            page = self.as_(self.clerk)
            self.assertEqual(self.change(self.clerk, whom, email="mine@example.org"), 403)
            new = {"password1": "another horse 42", "password2": "another horse 42", "usable_password": "true"}
            for what, form in (("password", new), ("delete", {"post": "yes"})):
                answer = page.post(f"{ADMIN}/{whom.pk}/{what}/", form, secure=True)
                self.assertEqual(answer.status_code, 403, what)
            selected = {"action": "delete_selected", "_selected_action": [whom.pk], "post": "yes"}
            page.post(f"{ADMIN}/", selected, secure=True)
            self.assertEqual(User.objects.values().get(pk=whom.pk), before)

    def test_nor_changes_what_a_group_may_do(self) -> None:
        group = Group.objects.create(name="clerks")
        page = self.as_(self.clerk)
        for path in (f"/admin/auth/group/{group.pk}/change/", "/admin/auth/group/add/"):
            answer = page.post(path, {"name": "clerks", "permissions": [1, 2]}, secure=True)
            self.assertEqual(answer.status_code, 403, path)
        self.assertEqual(group.permissions.count(), 0)

    def test_an_account_made_with_capital_letters_can_log_in_and_is_one_with_the_small(self) -> None:
        page = self.as_(self.root)
        form = {"email": "Bob@Example.ORG", "verified": "on", "password1": PASSWORD, "password2": PASSWORD}
        form |= {"usable_password": "true"}
        self.assertEqual(page.post(f"{ADMIN}/add/", form, secure=True).status_code, 302)
        self.assertEqual(self.login("bob@example.org").status_code, 200)
        self.assertEqual(self.login("BOB@example.org").status_code, 200)
        again = page.post(f"{ADMIN}/add/", {**form, "email": "BOB@example.org"}, secure=True)
        self.assertContains(again, "already exists")
        self.change(self.root, self.customer, email="Ada.L@Example.org")
        self.assertEqual(self.login("ada.l@example.org").status_code, 200)

    def test_other_services_hear_of_an_address_a_right_and_who_left(self) -> None:
        def said() -> list[Any]:
            return [tuple(event["data"]["account"].values()) for event in self.events("account.changed")]

        pk = self.customer.pk
        self.login(EMAIL)
        self.change(self.root, self.customer, first_name="Ada")
        self.assertEqual(said(), [], "nothing that they keep")
        self.change(self.root, self.customer, is_staff="on")
        self.change(self.root, self.customer, email="new@example.org", is_staff="on")
        self.change(self.root, self.customer, email="new@example.org", is_active="")
        page = self.as_(self.root)
        page.post(f"{ADMIN}/", {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}, secure=True)
        self.assertEqual(
            said(),
            [
                (pk, EMAIL, True, True),
                (pk, "new@example.org", True, True),
                (pk, "new@example.org", False, False),
                (pk, "new@example.org", False, False),
            ],
        )

    def test_they_hear_of_new_staff_and_not_of_new_customers(self) -> None:
        User.objects.create_user("customer@example.org", PASSWORD)
        agent = User.objects.create_user("agent@example.org", PASSWORD, is_staff=True)
        said = self.events("account.joined")[-1]["data"]["account"]
        self.assertEqual(said, {"id": agent.pk, "email": "agent@example.org", "is_staff": True, "is_active": True})
        self.assertNotIn("customer@example.org", str(self.events("account.joined")))

    def test_a_name_that_no_cookie_could_carry_is_refused_here_too(self) -> None:
        self.assertEqual(self.change(self.root, self.customer, first_name="\U0001f600" * 150), 200)
        self.assertEqual(User.objects.get(email=EMAIL).first_name, "")


@quick
class CapitalsOfBefore(TransactionTestCase):
    def test_they_become_small_where_nobody_else_has_the_address(self) -> None:
        before = [("accounts", "0002_verification_and_sign_ins")]
        executor = MigrationExecutor(connection)
        executor.migrate(before)
        self.addCleanup(lambda: MigrationExecutor(connection).migrate(executor.loader.graph.leaf_nodes()))
        old = executor.loader.project_state(before).apps.get_model("accounts", "User")
        for email in ("Bob@Example.org", "Eve@example.org", "eve@example.org"):
            old.objects.create(email=email, password="x")  # noqa: S106
        MigrationExecutor(connection).migrate([("accounts", "0003_places_and_addresses")])
        emails = set(User.objects.values_list("email", flat=True))
        self.assertEqual(emails, {"bob@example.org", "Eve@example.org", "eve@example.org"})
        old.objects.create(email="new@example.org", password="x")  # noqa: S106 - by the release before


@quick
class AccountsOfBefore(TransactionTestCase):
    def test_what_they_are_is_told_once(self) -> None:
        """Of a release that said nothing when somebody left or lost a right."""
        before = [("accounts", "0003_places_and_addresses")]
        executor = MigrationExecutor(connection)
        executor.migrate(before)
        self.addCleanup(lambda: MigrationExecutor(connection).migrate(executor.loader.graph.leaf_nodes()))
        old = executor.loader.project_state(before).apps.get_model("accounts", "User")
        rows = [old(email=f"{number}@example.org", password="x") for number in range(2500)]  # noqa: S106
        old.objects.bulk_create([*rows, old(email=EMAIL, password="x", is_staff=True, is_active=False)])  # noqa: S106
        with CaptureQueriesContext(connection) as asked:
            MigrationExecutor(connection).migrate([("accounts", "0004_told_once")])
        self.assertLess(len([one for one in asked if "events_outbox" in one["sql"]]), 100)
        told = {row.topic: 0 for row in Outbox.objects.all()}
        self.assertEqual((list(told), Outbox.objects.count()), (["account.changed"], 2501))
        user = User.objects.get(email=EMAIL)
        said = Outbox.objects.get(event__actor__id=user.pk)
        facts = {"id": user.pk, "email": EMAIL, "is_staff": True, "is_active": False}
        self.assertEqual((said.event["id"], said.left_at), (str(said.event_id), None))
        with transaction.atomic():
            emit("account.changed", user.person(), account=user.told())
        live = Outbox.objects.last()
        assert live is not None
        self.assertEqual(said.event["data"]["account"], facts)
        for name in ("topic", "request_id", "actor", "data"):
            self.assertEqual(said.event[name], live.event[name])
        self.assertLessEqual(said.event["at"], live.event["at"])
