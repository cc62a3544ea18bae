"""The doctor goes to the mail server as far as the login, sends nothing, and says how to mend what stops it."""

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.lib.mail import MailServer, Tls, greet
from counterfoil.ops.checks import Finding, Verdict, check_mail
from counterfoil.ops.doctor import examine
from postbox import Postbox, certificate, postbox

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Requiring AUTH")]
LOGIN = ("ada", "s3cret")


async def told(folder: Path, **environ: str) -> list[Finding]:
    """Give what the doctor says of e-mail."""
    given = {"COUNTERFOIL_DATA_DIR": str(folder)} | {f"COUNTERFOIL_SMTP_{name}": text for name, text in environ.items()}
    return [finding for finding in await examine(given, specs=[]) if finding.check == "mail"]


def way_to(box: Postbox, **other: str) -> Mapping[str, str]:
    """Give the settings that lead to a mail server, some of them changed."""
    server = box.server
    login = {"USER": server.user, "PASSWORD": server.password or ""} if server.user is not None else {}
    return {"HOST": server.host, "PORT": str(server.port), "TLS": server.tls.value, **login, **other}


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Give the context of a server whose certificate this machine trusts."""
    serves, _ = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "postbox.pem"))
    return serves


async def test_without_a_mail_server_there_is_nothing_wrong(tmp_path: Path) -> None:
    [finding] = await told(tmp_path)
    assert finding.verdict is Verdict.OK and "not set up" in finding.text


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
async def test_a_server_that_takes_the_login_is_well_and_gets_no_letter(
    tls: Tls, tmp_path: Path, trusted: ssl.SSLContext
) -> None:
    with postbox(tls, context=trusted, login=LOGIN) as box:
        box.answers.append("554 no letter was to come")
        [finding] = await told(tmp_path, **way_to(box))
    assert finding.verdict is Verdict.OK, finding
    assert "takes the login" in finding.text and "encrypted" in finding.text
    assert box.letters == [] and len(box.answers) == 1


async def test_a_server_on_this_machine_needs_neither_login_nor_encryption(tmp_path: Path) -> None:
    with postbox() as box:
        [finding] = await told(tmp_path, **way_to(box))
    assert finding.verdict is Verdict.OK and "answers" in finding.text


async def test_a_wrong_password_names_the_settings_and_is_not_shown(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    with postbox(Tls.STARTTLS, context=trusted, login=LOGIN) as box:
        [finding] = await told(tmp_path, **way_to(box, PASSWORD="mistyped"))
    assert finding.verdict is Verdict.BROKEN and "refuses the login" in finding.text
    assert "COUNTERFOIL_SMTP_PASSWORD" in finding.remedy and "mistyped" not in f"{finding}"


async def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    serves, _ = certificate(tmp_path)
    with postbox(Tls.STARTTLS, context=serves, login=LOGIN) as box:
        [finding] = await told(tmp_path, **way_to(box))
    assert finding.verdict is Verdict.BROKEN and "encrypted way" in finding.text
    assert "certificate" in finding.remedy


async def test_encryption_that_is_not_offered_is_told_before_the_password_is(tmp_path: Path) -> None:
    with postbox(login=LOGIN) as box:
        [finding] = await told(tmp_path, **way_to(box, TLS="starttls"))
    assert finding.verdict is Verdict.BROKEN and "COUNTERFOIL_SMTP_TLS" in finding.remedy


async def test_a_port_that_is_encrypted_later_or_not_at_all_is_told(tmp_path: Path) -> None:
    with postbox() as box:
        [finding] = await told(tmp_path, **way_to(box, TLS="tls"))
    assert finding.verdict is Verdict.BROKEN and "COUNTERFOIL_SMTP_TLS" in finding.remedy


async def test_a_port_where_nobody_listens_is_told(tmp_path: Path) -> None:
    with postbox() as box:
        gone = way_to(box)
    [finding] = await told(tmp_path, **gone)
    assert finding.verdict is Verdict.BROKEN and "Nothing listens there" in finding.remedy


async def test_a_name_that_is_nobody_s_is_told(tmp_path: Path) -> None:
    [finding] = await told(tmp_path, HOST="mail.invalid")
    assert finding.verdict is Verdict.BROKEN and "COUNTERFOIL_SMTP_HOST" in finding.remedy
    assert "No machine has this name" in finding.remedy


async def test_a_server_that_waits_for_encryption_is_told_from_one_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = MailServer("127.0.0.1", "a@b.test", silent.getsockname()[1])
        with pytest.raises(RetryLater) as waited:
            await asyncio.wait_for(greet(server, timeout=0.2), 5)
    [finding] = check_mail(server, waited.value)
    assert "COUNTERFOIL_SMTP_TLS=tls" in finding.remedy


@pytest.mark.parametrize(
    ("says", "text", "remedy"),
    [
        ("220 x\r\n", "hung up", "see its log"),  # and hangs up
        ("554 not you\r\n", "let this machine in (554 not you)", "ask whoever runs that server"),
        ("421 too many\r\n", "421 too many", "again in some minutes"),
        ("HTTP/1.1 400 Bad Request\r\n", "not SMTP", "another service"),
    ],
)
async def test_what_a_server_says_first_decides_what_to_do(says: str, text: str, remedy: str) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says.encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as served:
        server = MailServer("127.0.0.1", "a@b.test", served.sockets[0].getsockname()[1])
        with pytest.raises(CounterfoilError) as caught:
            await greet(server, timeout=5)
    assert isinstance(caught.value, RetryLater | ActionRequired)
    [finding] = check_mail(server, caught.value)
    assert finding.verdict is Verdict.BROKEN
    assert text in finding.text and remedy in finding.remedy


def test_a_way_in_clear_and_a_password_without_a_login_are_pointed_out() -> None:
    server = MailServer("mail.example.org", "a@example.org", 25, Tls.NONE, *LOGIN)
    assert [one.verdict for one in check_mail(server, None)] == [Verdict.OK, Verdict.ATTENTION]
    assert "so does the password" in check_mail(server, None)[1].text
    odd = dataclasses.replace(server, tls=Tls.TLS, user=None)
    assert "COUNTERFOIL_SMTP_USER" in check_mail(odd, None)[1].remedy
