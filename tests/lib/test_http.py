"""The one door to every vendor: what is repeated, what is waited out, and what is told."""

from decimal import Decimal

import httpx2
import msgspec
import pytest

from counterfoil.errors import RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Http, Reply, retry_after

pytestmark = pytest.mark.anyio
URL = "https://vendor.example/rows"


class Vendor:
    """Answers as told, one answer after another; an exception is raised."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[httpx2.Request] = []
        self.http = Http(transport=httpx2.MockTransport(self._answer), backoff=lambda _attempt: 0.0)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def lost() -> Exception:
    return httpx2.ReadError("gone")


async def test_a_read_is_repeated_after_a_lost_connection_or_a_server_error() -> None:
    vendor = Vendor(lost(), httpx2.Response(503), httpx2.Response(200, json={}))
    assert (await vendor.http.send("GET", URL)).ok
    assert len(vendor.seen) == 3


async def test_a_write_leaves_once_whatever_happens() -> None:
    vendor = Vendor(lost(), httpx2.Response(503))
    with pytest.raises(RetryLater) as caught:
        await vendor.http.send("POST", URL, json={})
    assert caught.value.fate_unknown and len(vendor.seen) == 1
    assert (await vendor.http.send("POST", URL, json={})).status == 503
    assert len(vendor.seen) == 2


async def test_a_request_that_never_left_has_a_known_fate() -> None:
    vendor = Vendor(httpx2.ConnectError("no route"))
    with pytest.raises(RetryLater) as caught:
        await vendor.http.send("POST", URL, json={})
    assert not caught.value.fate_unknown


async def test_a_429_was_not_carried_out_and_is_sent_again() -> None:
    vendor = Vendor(httpx2.Response(429, headers={"retry-after": "0.01"}), httpx2.Response(200))
    reply = await vendor.http.send("POST", URL, json={}, spend=[Budget("b", 5, 1.0)])
    assert reply.ok and len(vendor.seen) == 2


async def test_a_429_that_asks_for_too_long_is_left_to_the_durable_engine() -> None:
    vendor = Vendor(httpx2.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(RetryLater) as caught:
        await vendor.http.send("GET", URL)
    assert caught.value.after == 3600


async def test_decimals_travel_with_all_their_digits_both_ways() -> None:
    class Row(msgspec.Struct):
        amount: Decimal

    vendor = Vendor(httpx2.Response(200, content=b'{"amount": 0.10000000000000000001, "new": 1}'))
    reply = await vendor.http.send("POST", URL, json={"amount": Decimal("12.340")})
    assert vendor.seen[0].content == b'{"amount":12.340}'
    assert reply.decode(Row).amount == Decimal("0.10000000000000000001")


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"amount": 1', b'{"amount": "text"}'])
async def test_a_body_that_is_not_what_was_promised_has_an_unknown_fate(body: bytes) -> None:
    class Row(msgspec.Struct):
        amount: Decimal

    if body == b'{"amount": "text"}':
        body = b'{"amount": [1]}'
    with pytest.raises(RetryLater) as caught:
        Reply(200, {}, body).decode(Row)
    assert caught.value.fate_unknown
    assert "amount" not in str(caught.value)  # bodies hold bank rows: none of it is told


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("0.5", 0.5), ("", 9.0), ("soon", 9.0), ("-1", 9.0)])
async def test_retry_after_is_read_or_replaced(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, 9.0) == seconds
