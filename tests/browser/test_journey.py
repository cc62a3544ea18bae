"""A person's whole journey in a real browser, and how every page looks on the way.

It is one test, because each chapter needs what the one before has made, and one browser is enough for a machine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import chapters, looks, pages
from browser.chapters import Story
from browser.person import Person
from browser.pictures import Album
from browser.town import Town

pytestmark = pytest.mark.timeout(900)  # on however busy a machine

CHAPTERS: tuple[Callable[[Story], None], ...] = (
    chapters.connect_a_bank,
    chapters.connect_stripe,
    chapters.sign_out_and_in,
    partial(chapters.send_rows_to, kind="notion"),
    chapters.watch_it_arrive,
    chapters.it_is_there,
    partial(chapters.send_rows_to, kind="airtable"),
    chapters.it_is_there,
    partial(chapters.send_rows_to, kind="coda"),
    chapters.it_is_there,
    partial(chapters.send_rows_to, kind="google_sheets"),
    chapters.it_is_there,
    chapters.all_is_well,
    chapters.say_a_rule,
    chapters.something_is_bought,
    chapters.the_bank_breaks,
    chapters.it_is_repaired,
    chapters.invite_somebody,
    chapters.ask_to_be_told,
)


def test_a_person_goes_all_the_way(
    town: Town, browser: Browser, pytestconfig: pytest.Config, subtests: pytest.Subtests
) -> None:
    folder = pytestconfig.cache.mkdir("browser")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    person = Person(context, town.url)
    story = Story(person, town, Album(person.page).keep)

    def look_at(address: str, prefix: str = "", ways: Sequence[looks.Way] = looks.EVERY) -> None:
        with subtests.test(prefix + address):
            status = person.open(address)
            assert (person.path, status) == (address, 200)
            wrong = list(looks.look(person.page, folder, prefix + looks.name_of(address), ways))
            assert not wrong, "\n".join(wrong)

    with _kept(person, folder):
        chapters.first_run(story)
    for address in pages.lists():
        look_at(address, "empty-", looks.FEW)
    looks.plainly(person.page)
    for chapter in CHAPTERS:
        with _kept(person, folder):
            chapter(story)
    story.apart["/reset/{token}"] = town.reset_address(chapters.EMAIL)
    for route in pages.walk(person.page, look_at, story.apart):
        with subtests.test(route):
            raise AssertionError("no link leads there: let a chapter come by, and note the address in `Story.apart`")
    looks.plainly(person.page)
    with _kept(person, folder):
        chapters.delete_everything(story)
    assert person.complaints == []
    context.close()


@contextmanager
def _kept(person: Person, folder: Path) -> Iterator[None]:
    """Keep a picture of the page on which something failed, and say where it is."""
    try:
        yield
    except BaseException as error:
        picture = person.picture(folder / "failed.png")
        error.add_note(f"The page was {person.path}; its picture: {picture}")
        raise
