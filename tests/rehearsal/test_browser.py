"""What the stack is for, in a real browser: signing up, a ticket, a live talk, a notification."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from playwright.sync_api import Browser, Error, FilePayload, Page, Playwright, expect, sync_playwright

from tests.rehearsal import browser as chrome
from tests.rehearsal.conftest import STACK, Bootstrap, Site
from tests.waiting import until

pytestmark = [pytest.mark.root, pytest.mark.skipif(chrome.why_not() is not None, reason=str(chrome.why_not()))]

PATIENCE_MS = 15_000
TITLE = "The printer on floor 3 jams on every second page"


@dataclass
class Inbox:
    """The mails that the local cloud's mail server took."""

    url: str

    def newest(self, address: str, containing: str) -> dict[str, Any]:
        """Waits for one whose text holds `containing`."""
        for attempt in stamina.retry_context(on=LookupError, attempts=None, timeout=20, wait_initial=0.2, wait_max=1):
            with attempt:
                answer = httpx.get(f"{self.url}/messages", params={"to": address}, trust_env=False).raise_for_status()
                found: list[dict[str, Any]] = [mail for mail in answer.json() if containing in mail["text"]]
                if not found:
                    raise LookupError(f"no mail to {address} with {containing!r}; there are: {answer.json()}")
        return found[0]


@dataclass
class Album:
    """Screenshots for the docs, when a folder for them is named."""

    folder: Path | None = field(default_factory=lambda: _folder("BOOTSTRAP_TEST_SCREENSHOTS"))

    def take(self, page: Page, name: str) -> None:
        """On a desktop and on a phone, where nothing may be wider than the window."""
        for kind, size in (("phone", chrome.PHONE), ("desktop", chrome.DESKTOP)):
            page.set_viewport_size(size)
            assert chrome.overflows(page) == 0, f"{name} is too wide for a {kind}"
            if self.folder:
                page.screenshot(path=self.folder / f"{name}-{kind}.png", full_page=True, animations="disabled")


def _folder(variable: str) -> Path | None:
    return Path(os.environ[variable]) if variable in os.environ else None


@dataclass
class Person:
    page: Page
    site: Site
    email: str
    password: str

    def opens(self, path: str) -> None:
        self.page.goto(f"https://{self.site.domain}{path}")

    def fills(self, **values: str) -> None:
        for label, value in values.items():
            self.page.get_by_label(label.replace("_", " ")).fill(value)

    def clicks(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()

    def reads(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def logs_in(self) -> None:
        self.fills(Email_address=self.email, Password=self.password)
        self.clicks("Log in")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        expect.set_options(timeout=PATIENCE_MS)
        yield running


def new_page(browser: Browser, complaints: chrome.Complaints) -> Page:
    page = browser.new_context(viewport=chrome.DESKTOP, locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints.listen(page)
    return page


def superuser_password(bootstrap: Bootstrap, site: Site) -> str:
    name = "DJANGO_SUPERUSER_PASSWORD"
    argv = ("ssh", site.domain, "--", "grep", f"^{name}=", f"{STACK}/.env.production")
    return bootstrap(*argv, unlogged=True).out.strip().removeprefix(f"{name}=").strip("'\"")


def test_from_signing_up_to_a_notification(
    bootstrap: Bootstrap, site: Site, cloud: dict[str, Any], playwright: Playwright, tmp_path: Path
) -> None:
    roots = Path(cloud["acme"]["roots_file"])
    with chrome.chromium(playwright, tmp_path, site.domain, site.address, roots) as browser:
        journey(bootstrap, site, cloud, browser)


def journey(bootstrap: Bootstrap, site: Site, cloud: dict[str, Any], browser: Browser) -> None:
    inbox, album, complaints = Inbox(cloud["mail"]["inbox"]), Album(), chrome.Complaints()
    page = new_page(browser, complaints)
    ada = Person(page, site, f"ada-{secrets.token_hex(4)}@example.org", f"Aa1-{secrets.token_hex(8)}")
    signs_up(ada, inbox, album)
    opens_a_ticket(ada, album)

    password = superuser_password(bootstrap, site)
    colleague = Person(new_page(browser, complaints), site, f"admin@{site.domain}", password)
    talk(ada, colleague, album)
    moves_on(ada, colleague, inbox, album)
    stays_logged_in_until_told(ada)
    forgets_the_password(ada, inbox, album)
    assert complaints.found == []


def signs_up(ada: Person, inbox: Inbox, album: Album) -> None:
    ada.opens("/")
    ada.reads("Log in")
    ada.page.keyboard.press("Tab")
    expect(ada.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    ada.page.get_by_role("link", name="Sign up").first.click()
    ada.fills(Email_address=ada.email)
    album.take(ada.page, "sign-up")
    ada.clicks("Sign up")
    ada.reads("Look into your inbox")

    follows_mail(ada, inbox, "/verify")
    ada.fills(Name="Ada Lovelace", Password="short")
    ada.clicks("Confirm")
    expect(ada.page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(ada.page.get_by_label("Password")).to_be_focused()
    ada.fills(Password=ada.password)
    album.take(ada.page, "verify")
    ada.clicks("Confirm")
    ada.sees("Your address is confirmed")


def follows_mail(person: Person, inbox: Inbox, path: str) -> None:
    origin = f"https://{person.site.domain}"
    link = re.search(rf"{re.escape(origin + path)}\?\S+", inbox.newest(person.email, f"{origin}{path}?")["text"])
    assert link
    person.opens(link[0].removeprefix(origin))


def forgets_the_password(ada: Person, inbox: Inbox, album: Album) -> None:
    ada.page.get_by_role("link", name="Forgot your password?").click()
    ada.reads("Forgot your password?")
    ada.fills(Email_address=ada.email)
    ada.clicks("Send a link")
    ada.reads("Look into your inbox")
    again = replace(ada, password=f"Bb2-{secrets.token_hex(8)}")
    follows_mail(again, inbox, "/reset")
    again.fills(New_password=again.password)
    again.clicks("Change the password")
    again.sees("Your password is changed")
    again.page.get_by_role("link", name="Log in").first.click()
    again.logs_in()
    again.page.get_by_role("link", name="Your account").click()
    again.reads("Your account")
    again.page.get_by_role("checkbox", name="My ticket was received: by mail").uncheck()
    expect(again.page.get_by_role("table")).to_have_attribute("aria-busy", "false")
    again.page.reload()
    expect(again.page.get_by_role("checkbox", name="My ticket was received: by mail")).not_to_be_checked()
    album.take(again.page, "account")


def opens_a_ticket(ada: Person, album: Album) -> None:
    ada.opens("/tickets/new")  # asks to log in first, and leads back
    ada.reads("Log in")
    ada.logs_in()
    ada.reads("New ticket")
    ada.fills(Title=TITLE, Description="It began on Monday.\n\nThe tray is full, the paper is the usual one.")
    ada.page.get_by_label("Priority").select_option("high")
    log: FilePayload = {"name": "printer log.txt", "mimeType": "text/plain", "buffer": b"paper jam in tray 2\n" * 500}
    ada.page.get_by_label("Files").set_input_files(log)
    album.take(ada.page, "new-ticket")
    ada.clicks("Open the ticket")
    ada.reads(TITLE)
    with ada.page.expect_download() as download:
        ada.page.get_by_role("link", name="printer log.txt").click()
    assert Path(download.value.path()).read_bytes() == log["buffer"]


def talk(ada: Person, colleague: Person, album: Album) -> None:
    path = ada.page.evaluate("location.pathname")
    colleague.opens(path)
    colleague.logs_in()
    colleague.reads(TITLE)
    for person in (ada, colleague):
        expect(person.page.get_by_role("status").filter(has_text="Live")).to_be_visible()

    colleague.fills(Your_comment="I will look at it this afternoon.")
    colleague.clicks("Send")
    ada.sees("I will look at it this afternoon.")  # without a reload
    ada.fills(Your_comment="Thank you! It is the one beside the kitchen.")
    ada.page.keyboard.press("Control+Enter")
    colleague.sees("Thank you! It is the one beside the kitchen.")
    colleague.page.get_by_role("checkbox", name="Internal note").check()
    colleague.fills(Your_comment="She rings twice a day.")
    colleague.clicks("Send")
    colleague.sees("Internal note")
    for person, comments in ((ada, 2), (colleague, 3)):
        person.page.reload()
        expect(person.page.get_by_label("Conversation").get_by_role("listitem")).to_have_count(comments)
    attaches_a_picture(ada, colleague)
    colleague.sees(f"Ada Lovelace ({ada.email})")
    ada.sees("Support")
    assert colleague.email not in ada.page.content(), "customers read no address of the staff"


def attaches_a_picture(ada: Person, colleague: Person) -> None:
    pixel = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    talk = ada.page.get_by_label("Conversation")
    talk.get_by_label("Attach files").set_input_files({"name": "jam.png", "mimeType": "image/png", "buffer": pixel})
    expect(talk.get_by_role("status").filter(has_text="jam.png")).to_be_visible()
    ada.clicks("Send")
    shown = colleague.page.get_by_label("Conversation").get_by_role("img", name="jam.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 1


def moves_on(ada: Person, colleague: Person, inbox: Inbox, album: Album) -> None:
    expect(ada.page.get_by_role("button", name="Start work")).to_have_count(0)  # for staff only
    colleague.page.get_by_label("Assigned to").select_option(colleague.email)
    colleague.clicks("Start work")
    expect(colleague.page.get_by_role("button", name="Resolve")).to_be_visible()
    album.take(colleague.page, "ticket-staff")

    expect(
        ada.page.get_by_role("status").filter(has_text="In progress")
    ).to_be_visible()  # asked again in the background
    ada.page.get_by_role("link", name=re.compile("Notifications, [0-9]+ unread")).wait_for()
    album.take(ada.page, "ticket")
    ada.page.get_by_role("link", name=re.compile("Notifications")).click()
    ada.reads("Notifications")
    ada.sees("is now in progress")
    album.take(ada.page, "notifications")
    ada.clicks("Mark all as read")
    expect(ada.page.get_by_role("link", name="Notifications", exact=True)).to_be_visible()
    assert TITLE in inbox.newest(ada.email, "is now in progress")["text"]
    works_through_the_list(colleague, album)

    ada.page.get_by_role("link", name="Tickets", exact=True).click()
    expect(ada.page.get_by_role("listitem").filter(has_text=TITLE)).to_contain_text("In progress")
    album.take(ada.page, "tickets")


def works_through_the_list(colleague: Person, album: Album) -> None:
    colleague.clicks("Edit")
    colleague.page.get_by_label("Due").fill("2020-01-31")
    colleague.clicks("Save")
    colleague.sees("Overdue since")
    colleague.sees("Due: ")  # in the history
    colleague.opens("/tickets?overdue=true&assignee=me")
    with colleague.page.expect_download() as download:
        colleague.page.get_by_role("link", name="Export as CSV").click()
    assert TITLE in Path(download.value.path()).read_text()
    colleague.page.get_by_role("checkbox", name=f"Choose {TITLE}").check()
    album.take(colleague.page, "tickets-staff")
    colleague.clicks("Close")
    colleague.sees("no way leads there from In progress")
    colleague.clicks("Assign")
    # the ticket hears of it by an event
    until(lambda: _reloaded(colleague.page).get_by_text("No ticket is like this.").count(), "it is nobody's")


def _reloaded(page: Page) -> Page:
    page.reload()
    expect(page.get_by_role("region", name="Results")).to_have_attribute("aria-busy", "false")
    return page


def stays_logged_in_until_told(ada: Person) -> None:
    ada.page.context.clear_cookies(name="__Host-access")  # as after a quarter of an hour
    ada.page.reload()
    ada.sees(TITLE)
    ada.clicks("Log out")
    ada.reads("Log in")
    ada.opens("/tickets")
    ada.reads("Log in")


def test_a_browser_without_the_authority_refuses(playwright: Playwright, site: Site, tmp_path: Path) -> None:
    """Else the journey would prove nothing about certificates."""
    with (
        chrome.chromium(playwright, tmp_path, site.domain, site.address, None) as browser,
        pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"),
    ):
        browser.new_page().goto(f"https://{site.domain}/")
