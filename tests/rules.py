"""The house rules that a machine can check: each takes a file's text and gives the lines that break it."""

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 400  # lines
EMPTY_WORDS: Final = frozenset("manager helper helpers utils process handle data info item items".split())
_MARKER: Final = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
_SENTENCE: Final = re.compile(r".*[.:;?!]( https://\S+)?")  # a vendor's page may follow
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class Offence:
    """A line that breaks a rule."""

    line: int
    what: str


def too_long(text: str) -> Iterator[Offence]:
    """No file over 400 lines: split it where a reader would pause."""
    lines = text.count("\n")
    if lines > LONGEST:
        yield Offence(LONGEST + 1, f"{lines} lines; split the file where a reader would pause")


def unfinished(text: str) -> Iterator[Offence]:
    """No note to oneself: do it, or open an issue."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _MARKER.search(line):
            yield Offence(number, f"{found[0]}: do it now, or open an issue")


def no_opening_line(tree: ast.Module) -> Iterator[Offence]:
    """Every module opens with one line saying what it is for."""
    opening = (ast.get_docstring(tree) or "").split("\n", 1)[0].strip()
    if tree.body and not _SENTENCE.fullmatch(opening):
        yield Offence(1, "open the module with one line, a sentence that says what it is for")


def float_calls(tree: ast.Module) -> Iterator[Offence]:
    """No binary fractions where money could pass."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield Offence(node.lineno, "float(…): money is Decimal from the wire to the cell")


def compared_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give every text constant that something is compared with, by ==, !=, in, or in a match."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            found: Sequence[ast.AST] = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            found = [node.value]
        else:
            continue
        for part in found:
            for inner in ast.walk(part) if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]:
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.lineno, inner.value


def empty_names(tree: ast.Module, allowed: Collection[str] = ()) -> Iterator[Offence]:
    """Names of functions and classes say what these do; a test's name is a sentence, and free.

    `allowed` are names and single words that are somebody else's.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        words = {word.lower() for word in _WORD.findall(node.name)}
        said = sorted(words & EMPTY_WORDS - set(allowed))
        if said and node.name not in allowed and not node.name.startswith("test_"):
            yield Offence(node.lineno, f"{node.name}: “{said[0]}” says nothing; name the act or the thing")


def patches_by_path(tree: ast.Module) -> Iterator[Offence]:
    """Tests replace a collaborator by passing another one, never by the path of a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.args[0] if node.args else None
            dotted = isinstance(first, ast.Constant) and isinstance(first.value, str) and "." in first.value
            if node.func.attr in ("setattr", "delattr", "patch") and dotted:
                yield Offence(node.lineno, "patches a dotted path: pass the thing in instead")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest.mock"):
            yield Offence(node.lineno, "uses unittest.mock: write a small class that does the thing in memory")
