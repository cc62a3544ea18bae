"""The rules of the house, and what a connector must have: CONTRIBUTING.md says why, these tests see to it."""

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import rules
from counterfoil import registry
from counterfoil.config import PREFIX, Settings
from counterfoil.ports import DestinationSpec, ProviderSpec
from rules import Offence

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src" / "counterfoil"
SPECS: Final[Mapping[str, ProviderSpec | DestinationSpec]] = {**registry.PROVIDERS, **registry.DESTINATIONS}
CONNECTORS: Final = [
    (kind, folder.name)
    for kind in ("providers", "destinations")
    for folder in sorted((SOURCE / kind).iterdir())
    if folder.is_dir() and not folder.name.startswith("__")
]

# --- exceptions, each with its reason ----------------------------------------------------------------------

LONG: Final[Mapping[str, str]] = {}
FLOATS: Final = {
    "src/counterfoil/cli/play.py": "the factor of --rate-scale",
    "src/counterfoil/lib/http.py": "the seconds of a Retry-After header",
    "src/counterfoil/sandbox/kit.py": "seconds and a factor of control calls",
    "src/counterfoil/web/charts.py": "the width of a picture",
}
NOT_OURS: Final = {
    "handle_async_request": "what httpx2 calls a transport by",
    "handle_DATA": "what aiosmtpd calls for a letter",
    "handle_starttag": "what Python's HTML parser calls",
    "DataFilter": "Google's word on the wire",
    "SetDataValidation": "Google's word on the wire",
    "DataSource": "Notion's word on the wire",
    "make_data_dir": "what the setting is called",
}
PLAID_SAYS: Final = ("item", "items")  # an authorised login at a bank, in Plaid's words


def python_files(*folders: str) -> Iterator[Path]:
    """Give our Python files, without what a machine has made."""
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def broken(rule: Callable[[ast.Module], Iterable[Offence]], files: Iterable[Path]) -> list[str]:
    """Give what breaks a rule, as `file:line: what`."""
    return [
        f"{name_of(path)}:{offence.line}: {offence.what}"
        for path in files
        for offence in rule(ast.parse(path.read_text()))
    ]


def listed(offences: list[str]) -> str:
    return "\n" + "\n".join(offences)


# --- the rules ---------------------------------------------------------------------------------------------


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    files = [path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*")]
    texts = [path for path in files if path.suffix in (".py", ".html", ".css", ".js")]
    found = [
        f"{name_of(path)}: {offence.what}"
        for path in sorted(texts)
        if name_of(path) not in LONG and "vendor" not in path.parts
        for offence in rules.too_long(path.read_text())
    ]
    assert not found, listed(found)


def test_nothing_is_left_unfinished() -> None:
    paths = [*python_files("src", "tests", "bench"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{name_of(path)}:{offence.line}: {offence.what}"
        for path in paths
        for offence in rules.unfinished(path.read_text())
    ]
    assert not found, listed(found)


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    found = broken(rules.no_opening_line, python_files("src", "tests", "bench"))
    assert not found, listed(found)


def test_money_never_becomes_a_binary_fraction() -> None:
    files = [path for path in python_files("src") if name_of(path) not in FLOATS]
    found = broken(rules.float_calls, files)
    assert not found, listed(found) + "\nWhere no money can pass: add the file to FLOATS, with the reason."


def test_nobody_but_a_connector_asks_which_connector_it_is() -> None:
    def asks(tree: ast.Module) -> Iterator[Offence]:
        for line, text in rules.compared_texts(tree):
            if text in SPECS:
                yield Offence(line, f"compares with {text!r}: let the spec say what differs")

    outside = [path for path in python_files("src") if _connector_of(path) is None]
    found = broken(asks, outside)
    assert not found, listed(found)


def test_names_of_functions_and_classes_say_something() -> None:
    files = list(python_files("src", "tests", "bench"))
    of_plaid = [path for path in files if "plaid" in name_of(path)]
    found = broken(lambda tree: rules.empty_names(tree, NOT_OURS), [path for path in files if path not in of_plaid])
    found += broken(lambda tree: rules.empty_names(tree, (*NOT_OURS, *PLAID_SAYS)), of_plaid)
    assert not found, listed(found) + "\nA vendor's own word on the wire: add the name to NOT_OURS."


def test_tests_pass_things_in_and_patch_no_paths() -> None:
    found = broken(rules.patches_by_path, python_files("tests"))
    assert not found, listed(found)


@pytest.mark.parametrize("excepted", [*LONG, *FLOATS])
def test_every_exception_is_still_needed(excepted: str) -> None:
    text = (ROOT / excepted).read_text()
    assert list(rules.too_long(text) if excepted in LONG else rules.float_calls(ast.parse(text)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.no_opening_line, "import os"),
        (rules.no_opening_line, '"""utils"""'),
        (rules.float_calls, "amount = float(text)"),
        (rules.empty_names, "def process_item(): ..."),
        (rules.empty_names, "class HTTPHelper: ..."),
        (rules.patches_by_path, "monkeypatch.setattr('counterfoil.lib.http.backoff', print)"),
        (rules.patches_by_path, "with mock.patch('a.b'): ..."),
    ],
)
def test_the_rules_notice(rule: Callable[[ast.Module], Iterable[Offence]], text: str) -> None:
    assert list(rule(ast.parse(text)))


def test_every_way_to_compare_with_a_slug_is_noticed() -> None:
    text = "slug == 'notion'\nkind in ('coda', 'x')\nmatch kind:\n case 'plaid': ..."
    assert [text for _, text in rules.compared_texts(ast.parse(text))] == ["notion", "coda", "x", "plaid"]


def _connector_of(path: Path) -> str | None:
    parts = path.relative_to(SOURCE).parts
    return parts[1] if parts[0] in ("providers", "destinations") and len(parts) > 2 else None


# --- connectors --------------------------------------------------------------------------------------------


def _spec_of(kind: str, slug: str) -> ProviderSpec | DestinationSpec | None:
    module = importlib.import_module(f"counterfoil.{kind}.{slug}")
    spec = getattr(module, "SPEC", None)
    return spec if isinstance(spec, ProviderSpec | DestinationSpec) else None


def _in_registry(kind: str, slug: str) -> bool:
    return SPECS.get(slug) is _spec_of(kind, slug) is not None and SPECS[slug].slug == slug


def _has_url(kind: str, slug: str) -> bool:
    spec = _spec_of(kind, slug)
    return spec is not None and str(spec.app.model_fields["url"].default).startswith("https://")


def _inherits_suite(kind: str, slug: str) -> bool:
    test = ROOT / "tests" / kind / f"test_{slug}.py"
    suite = "ProviderContract" if kind == "providers" else "DestinationContract"
    return test.is_file() and re.search(rf"^class Test\w+\(.*\b{suite}\b", test.read_text(), re.MULTILINE) is not None


def _has_sandbox(kind: str, slug: str) -> bool:
    folder = SOURCE / kind / slug
    return (folder / "sandbox.py").is_file() or (folder / "sandbox" / "__init__.py").is_file()


def _has_docs(_kind: str, slug: str) -> bool:
    return (ROOT / "docs" / "connectors" / f"{slug}.md").is_file()


# What CONTRIBUTING.md tells a newcomer to make, in these words.
PIECES: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "src/counterfoil/registry.py": _in_registry,
    "a field `url`": _has_url,
    "tests/<kind>/test_<slug>.py": _inherits_suite,
    "src/counterfoil/<kind>/<slug>/sandbox": _has_sandbox,
    "docs/connectors/<slug>.md": _has_docs,
}


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(("kind", "slug"), CONNECTORS)
def test_a_connector_is_complete(kind: str, slug: str, piece: str) -> None:
    wanted = piece.replace("<kind>", kind).replace("<slug>", slug)
    assert PIECES[piece](kind, slug), f"{slug} lacks {wanted}; see CONTRIBUTING.md, “Add a destination”"


@pytest.mark.parametrize("piece", PIECES)
def test_contributing_names_every_piece_of_a_connector(piece: str) -> None:
    assert piece in (ROOT / "CONTRIBUTING.md").read_text(), f"CONTRIBUTING.md must tell of {piece}"


def test_the_registry_knows_no_connector_without_a_folder() -> None:
    assert set(SPECS) == {slug for _, slug in CONNECTORS}


# --- settings ----------------------------------------------------------------------------------------------


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    models: list[tuple[str, type[BaseModel]]] = [(PREFIX, Settings)]
    models += [(f"{PREFIX}{spec.env}_", spec.app) for spec in SPECS.values()]
    for prefix, model in models:
        for field, about in model.model_fields.items():
            yield prefix + field.upper(), about


def _documented() -> dict[str, str]:
    """Give what docs/settings.md says of each setting."""
    page = (ROOT / "docs" / "settings.md").read_text()
    return dict(re.findall(r"^\| `(COUNTERFOIL_\w+)` \| (.*?) \|", page, re.MULTILINE))


@pytest.mark.parametrize(("name", "about"), [pytest.param(*one, id=one[0]) for one in _settings()])
def test_every_setting_is_documented_in_its_own_words(name: str, about: FieldInfo) -> None:
    assert about.description, f"{name} has no description; give its field one"
    said, wanted = _documented().get(name, ""), about.description.rstrip(".")
    assert said.casefold() == wanted.casefold(), f"docs/settings.md needs the line: | `{name}` | {wanted} | … |"


def test_no_setting_is_documented_that_is_not_read() -> None:
    known = {name for name, _ in _settings()}
    assert set(_documented()) - known == set()
