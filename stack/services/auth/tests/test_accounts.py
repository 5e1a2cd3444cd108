"""Run by `django test`; PYTHONPATH holds services/, as /app does in the container."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from accounts import sessions, tokens
from accounts.cookies import REFRESH_COOKIE
from accounts.management.commands.prepare import ensure_superuser
from accounts.models import AppliedSecret, RefreshToken, SignIn, User
from common.authentication import ACCESS_COOKIE
from common.testing import HOST, ORIGIN, ServiceTest, browser, forged_tokens
from common.testing import token as token_of
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client, TransactionTestCase, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

EMAIL, PASSWORD = "ada@example.org", "correct horse 42"
EVIL = "https://evil.example"

# The real hashers are slow on purpose.
quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
with_mail = override_settings(EMAIL_HOST="smtp.example.org")
# The admin's pages without `collectstatic`.
plain_static = override_settings(
    STORAGES={**settings.STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
)


@quick
@plain_static
class AccountTest(ServiceTest):
    def setUp(self) -> None:
        super().setUp()
        self.page = self.browser()

    def post(self, what: str, page: APIClient | None = None, **fields: Any) -> Any:
        return (page or self.page).post(f"/api/auth/{what}/", fields, format="json")

    def register(self, email: str = EMAIL, password: str = PASSWORD, **names: str) -> Any:
        """Without mail, whoever signs up goes on at once with what a link would hold."""
        token = self.post("register", email=email).json()["token"]
        return self.post("verify", token=token, password=password, **names)

    def login(self, email: str = EMAIL, password: str = PASSWORD, page: APIClient | None = None) -> Any:
        return self.post("login", page, email=email, password=password)

    def mails(self, about: str | None = None) -> list[dict[str, Any]]:
        wanted = [event["data"] for event in self.events("account.mail_wanted")]
        return [one for one in wanted if about in (None, one["about"])]

    def token_of(self, about: str, path: str) -> str:
        """What the last mail of this kind holds, for the page at `path`."""
        link = self.mails(about)[-1]["link"]
        self.assertTrue(link.startswith(f"{ORIGIN}/{path}?"), link)
        return parse_qs(urlsplit(link).query)["token"][0]


class WithoutMail(AccountTest):
    """Nobody can prove an address then: it is theirs who come first."""

    def test_whoever_registers_can_log_in_and_see_themselves(self) -> None:
        answer = self.register("Ada@Example.org", first_name="Ada")
        self.assertEqual((answer.status_code, answer.json()), (200, {"verified": True, "email": EMAIL}))
        logged_in = self.login("ADA@example.org")
        said = {"email": EMAIL, "first_name": "Ada", "last_name": "", "is_staff": False, "verified": False}
        self.assertEqual((logged_in.status_code, logged_in.json()["user"] | said), (200, logged_in.json()["user"]))
        self.assertEqual(self.page.get("/api/auth/me/").json(), logged_in.json()["user"])

    def test_an_address_has_one_account(self) -> None:
        self.register()
        answer = self.post("register", email="ADA@EXAMPLE.ORG")
        self.assertEqual((answer.status_code, list(answer.json())), (400, ["email"]))

    def test_a_token_proves_no_address_later(self) -> None:
        token = self.post("register", email=EMAIL).json()["token"]
        with with_mail:
            User.objects.create_user(EMAIL, "of the owner 42")
            self.assertEqual(self.post("verify", token=token, password=PASSWORD).status_code, 400)
        self.assertTrue(User.objects.get().check_password("of the owner 42"))

    def test_a_weak_password_is_refused(self) -> None:
        for password in ("12345", EMAIL):
            answer = self.register(password=password)
            self.assertEqual((answer.status_code, list(answer.json())), (400, ["password"]))

    def test_nobody_makes_themselves_staff(self) -> None:
        rights: dict[str, Any] = {"is_staff": True, "is_superuser": True, "verified": True, "is_active": False}
        self.register(**rights)
        user = User.objects.get()
        self.assertEqual((user.is_staff, user.is_superuser, user.verified, user.is_active), (False, False, False, True))

    def test_what_needs_a_mail_says_so(self) -> None:
        self.register()
        self.login()
        for what, fields in (("password/reset", {}), ("email", {"password": PASSWORD})):
            answer = self.post(what, email=EMAIL, **fields)
            self.assertEqual((answer.status_code, answer.json()["detail"][:20]), (409, "this site sends no m"))
        self.assertEqual(self.mails(), [])


class LogIn(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        self.register()

    def test_a_wrong_password_a_stranger_and_a_locked_account_get_the_same_answer(self) -> None:
        wrong, stranger = self.login(password="no"), self.login("eve@example.org")  # noqa: S106
        User.objects.update(is_active=False)
        locked = self.login()
        self.assertEqual({answer.status_code for answer in (wrong, stranger, locked)}, {401})
        self.assertTrue(wrong.json() == stranger.json() == locked.json())

    def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(self) -> None:
        answer = self.login()
        for name, path in ((ACCESS_COOKIE, "/"), (REFRESH_COOKIE, "/api/auth/")):
            cookie = answer.cookies[name]
            kept = {what: cookie[what] for what in ("path", "samesite", "secure", "httponly", "domain")}
            strict = {"path": path, "samesite": "Strict", "secure": True, "httponly": True, "domain": ""}
            self.assertEqual(kept, strict)
        self.assertEqual(answer["Cache-Control"], "no-store")

    def test_a_stale_cookie_does_not_keep_its_owner_out(self) -> None:
        self.page.cookies[ACCESS_COOKIE] = "stale"
        self.assertEqual(self.page.get("/api/auth/me/").status_code, 401)
        self.assertEqual(self.login().status_code, 200)


class StayLoggedIn(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        self.register()
        self.login()

    def with_token(self, token: str, origin: str | None = ORIGIN) -> APIClient:
        client = browser(origin)
        client.cookies[REFRESH_COOKIE] = token
        return client

    def refresh_token(self) -> str:
        return self.page.cookies[REFRESH_COOKIE].value

    def refresh(self, token: str) -> int:
        return self.post("refresh", self.with_token(token)).status_code

    def use(self, token: str, ago: float) -> None:
        used_at = timezone.now() - timedelta(seconds=ago)
        RefreshToken.objects.filter(digest=sessions._digest(token)).update(used_at=used_at)

    def test_refreshing_gives_both_tokens_anew(self) -> None:
        before = self.refresh_token()
        answer = self.post("refresh")
        self.assertEqual((answer.status_code, answer.json()["user"]["email"]), (200, EMAIL))
        self.assertNotEqual(self.refresh_token(), before)
        self.assertEqual(self.page.get("/api/auth/me/").status_code, 200)

    def test_the_database_does_not_know_the_token(self) -> None:
        self.assertNotIn(self.refresh_token(), str(list(RefreshToken.objects.values())))

    def test_two_tabs_may_use_one_token_but_a_thief_ends_the_family(self) -> None:
        stolen = self.refresh_token()
        self.assertEqual([self.refresh(stolen), self.refresh(stolen)], [200, 200])
        newest = self.post("refresh").cookies[REFRESH_COOKIE].value
        self.use(stolen, ago=11)
        self.assertEqual(self.refresh(stolen), 401)
        self.assertEqual(self.refresh(newest), 401)
        self.assertEqual((SignIn.objects.count(), RefreshToken.objects.count()), (0, 0))

    def test_other_devices_stay_when_one_logs_out(self) -> None:
        other = self.login(page=browser()).cookies[REFRESH_COOKIE].value
        mine = self.refresh_token()
        answer = self.post("logout")
        self.assertEqual(answer.status_code, 204)
        for name in (ACCESS_COOKIE, REFRESH_COOKIE):
            self.assertEqual((answer.cookies[name].value, answer.cookies[name]["max-age"]), ("", 0))
        self.assertEqual([self.refresh(mine), self.refresh(other)], [401, 200])

    def test_a_locked_account_and_a_new_password_end_it(self) -> None:
        user = User.objects.get()
        user.set_password("another horse 42")
        user.save()
        self.assertEqual(self.refresh(self.refresh_token()), 401)
        self.login(password="another horse 42")  # noqa: S106
        User.objects.update(is_active=False)
        self.assertEqual(self.refresh(self.refresh_token()), 401)
        self.assertEqual(SignIn.objects.count(), 0)

    def test_an_expired_token_is_refused_and_removed(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        RefreshToken.objects.update(expires_at=past)
        SignIn.objects.update(expires_at=past)
        self.assertEqual(self.refresh(self.refresh_token()), 401)
        self.login()
        self.assertEqual((SignIn.objects.count(), RefreshToken.objects.count()), (1, 1))

    def test_another_sites_page_can_neither_refresh_nor_log_out(self) -> None:
        for origin in (EVIL, "null", None):
            client = self.with_token(self.refresh_token(), origin)
            self.assertEqual([self.post(what, client).status_code for what in ("refresh", "logout")], [403, 403])
        same_site = self.with_token(self.refresh_token(), None)
        answer = same_site.post("/api/auth/refresh/", headers={"sec-fetch-site": "same-origin"})
        self.assertEqual(answer.status_code, 200)

    def test_garbage_is_refused(self) -> None:
        for token in ("", "x", "\xff", "x" * 4000):
            self.assertEqual(self.refresh(token), 401)


class Tokens(AccountTest):
    def setUp(self) -> None:
        super().setUp()
        self.user = User.objects.create_user(EMAIL, PASSWORD, first_name="Ada", last_name="Lovelace")
        self.token = tokens.issue(self.user)

    def me(self, token: str) -> int:
        client = APIClient(headers={"host": HOST, "authorization": f"Bearer {token}"})
        return int(client.get("/api/auth/me/").status_code)

    def test_the_published_key_verifies_a_token_and_cannot_make_one(self) -> None:
        published = Client(headers={"host": HOST}).get("/api/auth/keys/").json()["keys"][0]
        claims = jwt.decode(self.token, jwt.PyJWK(published), algorithms=["EdDSA"])
        said = {"sub": str(self.user.pk), "email": EMAIL, "staff": False, "name": "Ada Lovelace", "iss": ORIGIN}
        self.assertEqual({name: claims[name] for name in said}, said)
        self.assertEqual(claims["exp"] - claims["iat"], 15 * 60)
        self.assertNotIn("d", published)

    def test_what_this_service_did_not_sign_or_not_so_is_refused(self) -> None:
        self.assertEqual(self.me(self.token), 200)
        ours = {"key": tokens._key()}
        badly_said = [{"iss": EVIL}, {"exp": 1}, {"exp": None}, {"sub": None}, {"sub": "root"}, {"email": None}]
        ours_but = [token_of(self.user.pk, **ours, **claims) for claims in badly_said]
        shared = token_of(self.user.pk, key=tokens.public_key()["x"] * 2, algorithm="HS256")
        for token in (*forged_tokens(self.user.pk).values(), *ours_but, shared, token_of(10**30, **ours), "\xff"):
            self.assertEqual(self.me(token), 401, token)

    def test_a_locked_account_is_refused_at_once(self) -> None:
        User.objects.update(is_active=False)
        self.assertEqual(self.me(self.token), 401)

    def test_only_staff_see_whom_a_ticket_can_be_assigned_to(self) -> None:
        staff = User.objects.create_user("bob@example.org", PASSWORD, is_staff=True)
        User.objects.create_user("gone@example.org", PASSWORD, is_staff=True, is_active=False)
        statuses = []
        for token in ("", self.token, tokens.issue(staff)):
            client = browser()
            client.cookies[ACCESS_COOKIE] = token
            answer = client.get("/api/auth/staff/")
            statuses.append(answer.status_code)
        self.assertEqual(statuses, [401, 403, 200])
        self.assertEqual(answer.json(), [{"id": staff.pk, "email": "bob@example.org", "name": "bob@example.org"}])


class OddInput(AccountTest):
    def test_it_is_an_answer_not_a_crash(self) -> None:
        address = {"email": EMAIL, "password": PASSWORD}
        self.hostile(self.page, "post", "/api/auth/login/", address)
        self.hostile(self.page, "post", "/api/auth/register/", {"email": EMAIL})
        names = {"first_name": "A", "last_name": "L"}
        self.hostile(self.page, "post", "/api/auth/verify/", {"token": "x", "password": PASSWORD, **names})
        for what in ("password/reset", "password/reset/confirm", "email/confirm"):
            self.hostile(self.page, "post", f"/api/auth/{what}/", {"token": "x", "password": PASSWORD, "email": EMAIL})
        self.register("bob@example.org")
        self.login("bob@example.org")
        self.hostile(self.page, "patch", "/api/auth/me/", names)
        fields = {"current": "x", "password": "x", "email": EMAIL}
        for what in ("password", "email"):
            self.hostile(self.page, "post", f"/api/auth/{what}/", fields)
        self.hostile(self.page, "post", "/api/auth/verify/again/", {"email": EMAIL})
        self.hostile(self.page, "post", "/api/auth/refresh/", {})

    def test_an_address_that_grows_when_it_is_written_small(self) -> None:
        grows = "\u0130" * 250
        self.assertEqual(self.login(grows).status_code, 401)
        for what in ("register", "verify/again"):
            self.assertEqual(self.post(what, email=f"a@{grows}.org").status_code, 400)


class Superuser(AccountTest):
    @with_mail
    def test_it_is_made_left_alone_brought_back_to_the_secret_and_may_always_log_in(self) -> None:
        first, second = "first secret", "second secret"
        self.assertEqual(ensure_superuser(EMAIL, first), "created")
        self.assertEqual(ensure_superuser(EMAIL, first), "unchanged")
        User.objects.update(verified=False)
        self.assertEqual(self.login(password=first).status_code, 200)
        self.assertEqual(ensure_superuser(EMAIL, second), "updated")
        user = User.objects.get()
        self.assertTrue(user.is_superuser and user.is_staff and user.verified and user.check_password(second))

    def test_a_password_that_they_chose_stays_until_the_secret_is_another(self) -> None:
        ensure_superuser(EMAIL, "first secret")
        self.login(password="first secret")  # noqa: S106
        self.post("password", current="first secret", password=PASSWORD)
        self.assertEqual(ensure_superuser(EMAIL, "first secret"), "unchanged")
        self.assertTrue(User.objects.get().check_password(PASSWORD))
        self.assertEqual(ensure_superuser(EMAIL, "second secret"), "updated")
        self.assertEqual(ensure_superuser(EMAIL, "second secret"), "unchanged")
        self.assertTrue(User.objects.get().check_password("second secret"))
        self.assertNotIn("second secret", str(AppliedSecret.objects.values()))

    def test_whoever_moved_to_another_address_is_no_second_one(self) -> None:
        ensure_superuser(EMAIL, "first secret")
        user = User.objects.get()
        user.email = "new@example.org"
        user.save()
        self.assertEqual(ensure_superuser(EMAIL, "first secret"), "unchanged")
        self.assertEqual(ensure_superuser(EMAIL, "second secret"), "updated")
        self.assertTrue(User.objects.get().check_password("second secret"))

    def test_of_a_release_before_it_is_brought_to_the_secret_once(self) -> None:
        User.objects.create_superuser(EMAIL, "of before")
        self.assertEqual(ensure_superuser(EMAIL, "first secret"), "updated")
        self.assertTrue(User.objects.get().check_password("first secret"))

    def test_another_address_in_the_environment_is_another_account(self) -> None:
        """As where a backup of one site starts another: its people are there, its administrator's address is not."""
        for restored in (True, False):
            with self.subTest(restored=restored):
                User.objects.create_superuser("other@example.org", "of before")
                if not restored:
                    ensure_superuser(EMAIL, "first secret")
                    ensure_superuser("other@example.org", "of before")
                self.assertEqual(ensure_superuser(EMAIL, "second secret"), "created" if restored else "updated")
                self.assertTrue(User.objects.get(email=EMAIL).check_password("second secret"))
                self.assertTrue(User.objects.get(email="other@example.org").check_password("of before"))
                User.objects.all().delete()
                AppliedSecret.objects.all().delete()

    def test_where_nobody_is_left_who_can_there_is_one_again(self) -> None:
        ensure_superuser(EMAIL, "first secret")
        for lost in ({"is_active": False}, {"is_superuser": False}, {"is_staff": False}):
            User.objects.update(**lost)
            self.assertEqual(ensure_superuser(EMAIL, "first secret"), "updated", lost)
            user = User.objects.get()
            self.assertTrue(user.is_superuser and user.is_active and user.is_staff)
        User.objects.all().delete()
        self.assertEqual(ensure_superuser(EMAIL, "first secret"), "created")
        User.objects.create_superuser("other@example.org", PASSWORD)
        User.objects.filter(email=EMAIL).update(is_superuser=False)
        self.assertEqual(ensure_superuser(EMAIL, "second secret")[:10], "left alone", "somebody took the right away")
        self.assertFalse(User.objects.get(email=EMAIL).is_superuser)

    def test_the_admin_shows_and_changes_who_is_verified(self) -> None:
        ensure_superuser("root@example.org", PASSWORD)
        user = User.objects.create_user(EMAIL, PASSWORD)
        self.page.force_login(User.objects.get(email="root@example.org"))
        path = f"/admin/accounts/user/{user.pk}/change/"
        form = {"email": EMAIL, "verified": "on", "is_active": "on", "first_name": "", "last_name": ""}
        self.assertContains(self.page.get(path, secure=True), "verified")
        self.assertEqual(self.page.post(path, form, secure=True).status_code, 302)
        self.assertTrue(User.objects.get(pk=user.pk).verified)
        self.assertContains(self.page.get("/admin/accounts/user/add/", secure=True), "verified")


class OlderRelease(TransactionTestCase):
    def test_who_had_an_account_stays_verified_and_an_older_release_can_still_make_one(self) -> None:
        executor = MigrationExecutor(connection)
        executor.migrate([("accounts", "0001_initial")])
        self.addCleanup(lambda: MigrationExecutor(connection).migrate(executor.loader.graph.leaf_nodes()))
        before = executor.loader.project_state([("accounts", "0001_initial")]).apps.get_model("accounts", "User")
        before.objects.create(email=EMAIL, password="x")  # noqa: S106
        MigrationExecutor(connection).migrate([("accounts", "0002_verification_and_sign_ins")])
        self.assertTrue(User.objects.get(email=EMAIL).verified)
        before.objects.create(email="new@example.org", password="x")  # noqa: S106
        self.assertFalse(User.objects.get(email="new@example.org").verified)


class OpenApi(AccountTest):
    def test_the_document_names_every_url_and_what_it_takes(self) -> None:
        document = Client(headers={"host": HOST}).get("/openapi.json").json()
        login = document["paths"]["/api/auth/login/"]["post"]
        self.assertEqual(len(document["paths"]), 14)
        self.assertIn("LoggedIn", json.dumps(login["responses"]["200"]))
        self.assertEqual(document["components"]["schemas"]["Login"]["required"], ["email", "password"])
        self.assertNotIn("requestBody", document["paths"]["/api/auth/logout/"]["post"])
