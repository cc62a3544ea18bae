"""`counterfoil set-password` lets somebody in again who has lost the password or the phone."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli import app
from counterfoil.lib import passwords, totp
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.store import Database, sessions, users
from counterfoil.store.sessions import SignedIn

OLD, NEW = "three words in a row", "four words in a row"
EMAIL = "ada@example.com"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the data directory of an installation whose owner signs in with a code, and is signed in."""
    key = new_key()
    monkeypatch.setenv("COUNTERFOIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COUNTERFOIL_SECRET_KEY", key)
    db = Database.open(tmp_path / "counterfoil.db")
    db.migrate()
    hashed = asyncio.run(passwords.hash_of(OLD))
    with db.begin() as tx:
        user_id = users.claim(tx, email=EMAIL, name="Ada", password_hash=hashed)
        users.set_totp(tx, Vault.of(key), user_id, totp.new_secret())
        lives = dt.timedelta(days=1)
        sessions.open_session(tx, token="cookie", user_id=user_id, lives=lives, address="", agent="")
    db.close()
    return tmp_path


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["set-password", *words], input=typed)


def standing(folder: Path) -> tuple[users.Lock, SignedIn | None]:
    """Give the owner's lock, and the session of their browser."""
    db = Database.open(folder / "counterfoil.db")
    with db.reading() as tx:
        lock = users.lock_of(tx, EMAIL)
        session = sessions.find(tx, "cookie", idle=dt.timedelta(days=1))
    db.close()
    assert lock is not None
    return lock, session


def opens(lock: users.Lock, password: str) -> bool:
    return asyncio.run(passwords.fits(password, lock.password_hash))


@pytest.mark.parametrize("case", [str, str.upper])
def test_a_typed_password_replaces_the_forgotten_one_and_ends_every_session(folder: Path, case: Any) -> None:
    ended = run(case(EMAIL), typed=f"{NEW}\n{NEW}\n")
    assert ended.exit_code == 0, ended.output
    assert NEW not in ended.output and "still takes a code" in ended.output
    lock, session = standing(folder)
    assert opens(lock, NEW) and not opens(lock, OLD) and session is None and lock.has_totp


def test_a_lost_phone_is_asked_for_no_code(folder: Path) -> None:
    file = folder / "password"
    file.write_text(NEW + "\n")
    assert run(EMAIL, "--file", str(file), "--stop-codes").exit_code == 0
    lock, _ = standing(folder)
    assert opens(lock, NEW) and not lock.has_totp


@pytest.mark.parametrize(("email", "password"), [("nobody@example.com", NEW), (EMAIL, "short")])
def test_what_cannot_be_changes_nothing(folder: Path, email: str, password: str) -> None:
    ended = run(email, typed=f"{password}\n{password}\n")
    assert ended.exit_code != 0
    lock, session = standing(folder)
    assert opens(lock, OLD) and session is not None
