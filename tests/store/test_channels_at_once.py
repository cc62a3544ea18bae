"""Channels that two change at the same moment."""

import datetime as dt

from counterfoil.errors import BadRequest
from counterfoil.store import Tx, channels
from counterfoil.store.channels import Rhythm, Target
from store.at_once import at_once
from store.conftest import Home


def hook(tx: Tx, home: Home) -> str:
    """Add a webhook, and give its id."""
    return channels.add(
        tx,
        home.vault,
        home.workspace_id,
        kind="webhook",
        label="hook",
        target=Target(address="https://example.org", secret="before"),
        kinds=["attention"],
        rhythm=Rhythm(None, "UTC", None, dt.datetime.now(dt.UTC)),
    ).id


def test_of_two_secrets_that_a_webhook_gets_the_earlier_signs_too(home: Home) -> None:
    with home.db.begin() as tx:
        one = hook(tx, home)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    at_once(
        home.db,
        lambda tx: channels.change_secret(tx, home.vault, home.workspace_id, one, "first", until),
        lambda tx: channels.change_secret(tx, home.vault, home.workspace_id, one, "second", until),
    )
    with home.db.reading() as tx:
        target = channels.target(tx, home.vault, one)
    assert (target.secret, target.old_secret) == ("second", "first")


def test_no_more_channels_are_added_at_once_than_there_can_be(home: Home) -> None:
    with home.db.begin() as tx:
        for _ in range(channels.MOST - 1):
            hook(tx, home)

    def add(tx: Tx) -> bool:
        try:
            return bool(hook(tx, home))
        except BadRequest:
            return False

    assert at_once(home.db, add, add) == (True, False)
