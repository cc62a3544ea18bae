"""E-mail over real SMTP: what arrives, how the way is protected, and what a refusal asks for."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from counterfoil.config import load
from counterfoil.errors import ActionRequired, BadSettings, RetryLater
from counterfoil.lib.mail import Letter, MailServer, Tls, send
from postbox import certificate, postbox

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # our way to the server is this machine's own
LETTER = Letter("ada@example.org", "Your bank asks\nfor you", "Sign in: https://x.test", "<p>Sign in</p>", key="k1")


def test_a_letter_arrives_as_text_and_html_from_the_sender() -> None:
    with postbox() as box:
        asyncio.run(send(box.server, LETTER))
    [letter] = box.letters
    assert letter["From"] == "Counterfoil <counterfoil@postbox.test>" and letter["To"] == "ada@example.org"
    assert letter["Subject"] == "Your bank asks for you"
    assert letter["Message-ID"] == "<k1@postbox.test>" and letter["Auto-Submitted"] == "auto-generated"
    assert box.text().strip() == "Sign in: https://x.test"
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
def test_an_encrypted_way_takes_the_login(tls: Tls, tmp_path: Path) -> None:
    serves, trusts = certificate(tmp_path)
    with postbox(tls, context=serves, login=("ada", "s3cret")) as box:
        asyncio.run(send(box.server, LETTER, context=trusts))
        assert len(box.letters) == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tls: Tls, tmp_path: Path) -> None:
    serves, _ = certificate(tmp_path)
    with postbox(tls, context=serves) as box, pytest.raises(ActionRequired) as refused:
        asyncio.run(send(box.server, LETTER))
    assert refused.value.code == "mail_encryption" and not box.letters


def test_nothing_goes_in_clear_where_encryption_is_asked_for() -> None:
    with postbox(login=("ada", "s3cret")) as box:
        wanted = dataclasses.replace(box.server, tls=Tls.STARTTLS)
        with pytest.raises(ActionRequired) as refused:
            asyncio.run(send(wanted, LETTER))
    assert refused.value.code == "mail_encryption" and not box.letters


def test_a_wrong_password_asks_for_the_right_one_and_is_not_repeated_to_anybody() -> None:
    with postbox(login=("ada", "s3cret")) as box, pytest.raises(ActionRequired) as refused:
        asyncio.run(send(dataclasses.replace(box.server, password="mistyped"), LETTER))
    assert refused.value.code == "mail_login" and "mistyped" not in f"{refused.value}{box.server!r}"


@pytest.mark.parametrize(("answer", "error"), [("451 busy", RetryLater), ("554 no such person", ActionRequired)])
def test_a_refusal_says_whether_waiting_helps(answer: str, error: type[Exception]) -> None:
    with postbox() as box:
        box.answers.append(answer)
        with pytest.raises(error, match=answer):
            asyncio.run(send(box.server, LETTER))


def test_a_server_that_is_away_is_tried_again_later() -> None:
    with postbox() as box:
        gone = box.server
    with pytest.raises(RetryLater):
        asyncio.run(send(gone, LETTER))


@pytest.mark.parametrize(
    ("given", "port", "sender"),
    [
        ({}, 587, "counterfoil@mail.example.org"),
        ({"TLS": "tls", "USER": "me@example.org"}, 465, "me@example.org"),
        ({"TLS": "none", "PORT": "2525", "FROM": "Bank <b@example.org>"}, 2525, "Bank <b@example.org>"),
    ],
)
def test_the_settings_name_the_server(given: dict[str, str], port: int, sender: str) -> None:
    environ = {f"COUNTERFOIL_SMTP_{name}": value for name, value in given.items()}
    server = load({"COUNTERFOIL_SMTP_HOST": "mail.example.org", **environ}).mail_server
    assert server is not None
    assert (server.port, server.sender) == (port, sender)


def test_the_password_comes_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    server = load({"COUNTERFOIL_SMTP_HOST": "h", "COUNTERFOIL_SMTP_PASSWORD_FILE": str(file)}).mail_server
    assert server == MailServer("h", "counterfoil@h", 587, password="s3cret")


def test_a_sender_of_two_lines_is_refused() -> None:
    with pytest.raises(BadSettings, match="SMTP_FROM"):
        load({"COUNTERFOIL_SMTP_HOST": "h", "COUNTERFOIL_SMTP_FROM": "a@b\nBcc: c@d"})
