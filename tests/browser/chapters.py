"""The journey of somebody with a bank and a Notion page, chapter by chapter; each begins where the last one ended."""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Page, expect

from browser.person import Person
from browser.town import Town

NAME, EMAIL, PASSWORD = "Ada Lovelace", "ada@example.com", "three words in a row"
BANK = "First Harbor Bank"
SHOP, WORDS = "Third Wave Coffee", "A break with coffee"
MONTH = dt.timedelta(days=30)

# kind -> (label in the wizard, {label of the field: name of the sandbox's credential})
APPS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "notion": ("Notion", {"Token": "token", "Page": "page_id"}),
    "airtable": ("Airtable", {}),  # by signing in
    "coda": ("Coda", {"API token": "token", "Doc": "doc_id"}),
    "google_sheets": ("Google Sheets", {}),
}


@dataclass
class Story:
    """Who walks where, and what is shown of it on the way."""

    person: Person
    town: Town
    show: Callable[[str], object]  # called with a name whenever there is something to see
    apart: dict[str, str] = field(default_factory=dict)  # by route: addresses of pages that no link leads to


def first_run(story: Story) -> None:
    """Nobody has an account: the first who comes owns the place."""
    person = story.person
    person.open("/")
    person.is_at("/welcome")
    person.fill("Your name", NAME)
    person.fill("E-mail address", EMAIL)
    person.fill("Password", PASSWORD)
    story.show("first-run")
    person.press("Create the owner's account")
    person.is_at("/")
    person.headline("Nothing is connected yet")
    story.show("home-empty")


def connect_a_bank(story: Story) -> None:
    """The bank's sign-in opens in a tab of its own; the page here notices by itself."""
    person = story.person
    person.open("/")
    person.follow("Connect")
    story.show("connect")
    person.press("Continue to Plaid")
    story.show("sign-in-waits")
    bank = person.turn_to("Go to the sign-in page")
    bank.get_by_role("link", name=BANK).click()
    expect(bank.get_by_role("group", name="Accounts to share")).to_contain_text("Everyday Checking")
    bank.get_by_role("button", name="Share").click()
    bank.wait_for_url(f"{story.town.url}/visits/**")
    bank.close()
    person.reads("Everyday Checking")
    person.follow("Look at it")
    person.headline(BANK)
    person.reads("Done")
    person.reads("Lake Cabin Mortgage")
    story.show("connection")


def connect_stripe(story: Story) -> None:
    """A key that is refused says why; the right one connects."""
    person = story.person
    person.open("/connections/new")
    person.follow("Connect Stripe")
    person.fill("Restricted key", "rk_test_mistyped")
    person.press("Try the key and connect")
    expect(person.page.get_by_role("alert")).to_be_visible()
    person.fill("Restricted key", story.town.credentials["stripe"]["api_key"])
    story.show("stripe")
    person.press("Try the key and connect")
    person.reads("is connected. The first sync has begun.")
    person.reads("Done")


def send_rows_to(story: Story, kind: str) -> None:
    """Through the wizard: app, key, tables, rows, preview, start."""
    person = story.person
    label, fields = APPS[kind]
    person.open("/destinations/new")
    person.follow(f"Choose {label}")
    keys = story.town.credentials[kind.partition("_")[0]]
    for asked, credential in fields.items():
        person.fill(asked, keys[credential])
    story.show(f"{kind}-key")
    if kind == "airtable":
        _sign_in_with(story, label)
    elif kind == "google_sheets":
        _fill_in_google(person, keys)
        person.press("Try it and go on")
    else:
        person.press("Try it and go on")
    person.headline("Which table goes where?")
    story.show(f"{kind}-tables")
    person.press("Go on")
    person.headline("Which rows, and when?")
    person.fill("From this day on (optional)", (dt.date.today() - MONTH).isoformat())
    story.show(f"{kind}-rows")
    person.press("Go on to the preview")
    person.headline("What would happen")
    person.reads("Nothing has been written yet.")
    person.reads("Transactions, for example")
    story.show(f"{kind}-preview")
    person.press("Start")


def _sign_in_with(story: Story, label: str) -> None:
    """On the vendor's own page, which sends the browser back: first without, then with permission."""
    person = story.person
    person.press(f"Sign in with {label}")
    person.follow(f"Go to {label}")
    person.page.get_by_role("button", name="Cancel").click()
    person.reads("It was declined.")
    story.apart["/destinations/consent/{consent_id}"] = person.path
    person.press("Begin again")
    person.follow(f"Go to {label}")
    person.page.get_by_role("button", name="Allow").click()
    person.headline(f"Where in {label} shall the tables stand?")
    story.show("place")
    person.press("Go on")


def _fill_in_google(person: Person, keys: Mapping[str, object]) -> None:
    form = person.page.locator("form.stack", has=person.page.locator("[name=service_account]"))
    form.locator("[name=spreadsheet_id]").fill(str(keys["spreadsheet_id"]))
    form.locator("[name=service_account]").fill(json.dumps(keys["service_account"]))


def watch_it_arrive(story: Story) -> None:
    """The bar moves by itself, and in the end all is there."""
    person = story.person
    bar = person.page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    seen = bar.get_attribute("value") or ""
    expect(bar).not_to_have_attribute("value", seen)
    story.show("progress")
    expect(bar).to_be_hidden()
    story.show("destination")


def it_is_there(story: Story) -> None:
    """What was started ends by itself, with everything there."""
    story.apart["/destinations/{destination_id}/refused"] = f"{story.person.path}/refused"
    story.person.reads("Up to date")
    expect(story.person.row("Transactions").get_by_role("cell").nth(2)).not_to_have_text("0")


def all_is_well(story: Story) -> None:
    """Home says so in one sentence."""
    person = story.person
    person.open("/")
    person.headline("All 4 destinations are up to date")
    person.reads("Net worth")
    story.show("home")


def say_a_rule(story: Story) -> None:
    """A rule is tried before it is kept, and edited afterwards."""
    person = story.person
    person.open("/rules")
    person.follow("New rule")
    person.fill("Merchant", SHOP)
    person.page.locator("[name='say.summary']").fill("Coffee")
    person.press("See what it would change")
    person.reads("Nothing has been changed.")
    story.show("rule")
    person.press("Save")
    person.is_at("/rules")
    person.row(SHOP).get_by_role("link").first.click()
    person.page.locator("[name='say.summary']").fill(WORDS)
    person.press("Save")
    person.is_at("/rules")
    person.reads(WORDS)
    story.show("rules")


def something_is_bought(story: Story) -> None:
    """The bank tells of a purchase; a moment later it is everywhere, in the rule's words."""
    person, town = story.person, story.town
    person.open("/")
    before = person.page.locator("tbody a[href^='/syncs/']").first.get_attribute("href") or ""
    today = dt.date.today().isoformat()
    bought = {"account": "Everyday Checking", "amount": 12.40, "date": today, "name": "TST* THIRD WAVE COFFEE"}
    town.at("plaid", "transactions", added=[bought | {"merchant_name": SHOP}])
    expect(person.page.locator("tbody a[href^='/syncs/']").first).not_to_have_attribute("href", before)
    person.headline("All 4 destinations are up to date")
    for kind in ("notion", "airtable", "coda", "google"):
        shown = person.page.context.new_page()
        shown.goto(f"{town.credentials[kind]['url']}/_sandbox/view")
        expect(shown.locator("body")).to_contain_text(WORDS)
        shown.close()
    person.page.locator("tbody a[href^='/syncs/']").first.click()
    person.headline(f"Sync of {BANK}")
    person.reads("The bank has news")
    story.show("sync")


def the_bank_breaks(story: Story) -> None:
    """Home says what is wrong and what to do."""
    person = story.person
    person.open("/")
    story.town.at("plaid", "login_required")
    person.headline(f"{BANK} needs you")
    story.show("home-broken")


def it_is_repaired(story: Story) -> None:
    """One button leads to the bank and back."""
    person = story.person
    person.press("Repair")
    bank = person.turn_to("Go to the sign-in page")
    _log_in(bank)
    bank.wait_for_url(f"{story.town.url}/visits/**")
    bank.close()
    person.reads("The login works again.")
    person.follow("Look at it")
    person.reads("Connected")
    person.open("/visits/latest")
    story.apart["/visits/{visit_id}"] = person.path
    person.open("/")
    person.headline("All 4 destinations are up to date")


def _log_in(bank: Page) -> None:
    expect(bank.get_by_role("heading")).to_contain_text(f"Log in to {BANK} again")
    bank.get_by_role("button", name="Log in").click()


def invite_somebody(story: Story) -> None:
    """The link is shown once, and leads to the form of a new account."""
    person = story.person
    person.open("/members")
    person.fill("E-mail address", "charles@example.com")
    person.press("Make the invitation")
    person.reads("is invited")
    link = person.page.locator("pre", has_text="/invitations/").inner_text()
    story.apart["/invitations/{token}"] = link.removeprefix(story.town.url)


def ask_to_be_told(story: Story) -> None:
    """A place for messages, which waits for a mail server."""
    person = story.person
    person.open("/settings/notifications")
    person.choose("By", "E-mail")
    person.fill("Address", EMAIL)
    person.press("Add")
    person.headline(EMAIL)
    story.show("channel")


def sign_out_and_in(story: Story) -> None:
    """A mistyped password says so, and what is wrong with neither of the two."""
    person = story.person
    person.page.get_by_role("complementary").get_by_role("button", name="Sign out").click()
    person.is_at("/sign-in")
    person.fill("E-mail address", EMAIL)
    person.fill("Password", "three words in a cow")
    person.press("Sign in")
    person.reads("E-mail address and password do not fit together.")
    story.show("sign-in-refused")
    person.fill("Password", PASSWORD)
    person.press("Sign in")
    person.is_at("/")
    person.headline("No destination is connected yet")


def delete_everything(story: Story) -> None:
    """It says what will happen, asks for the name, and leaves nothing behind."""
    person = story.person
    person.open("/settings/delete")
    person.reads("What happens")
    story.show("delete-everything")
    asked = person.page.locator("input[name=name]")
    asked.fill("something else")
    person.press("Delete everything")
    expect(person.page.get_by_role("alert")).to_be_visible()
    name = person.page.locator("label[for=f-name]").inner_text().partition(": ")[2]
    asked.fill(name)
    person.press("Delete everything")
    expect(person.page).to_have_url(re.compile(r"/(deleted/|welcome|sign-in)"))
    story.show("deleted")
    person.open("/")
    person.is_at("/welcome")
