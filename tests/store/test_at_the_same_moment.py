"""Two requests at the same moment: the second begins while nothing of what the first did is committed yet."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.passkeys import KeyMade as Key
from counterfoil.model import Transaction
from counterfoil.ports import Landing
from counterfoil.rules import MOST_RULES, Comparison, Rule, Then, When, Words
from counterfoil.store import (
    Database,
    Tx,
    attempts,
    categories,
    channels,
    consents,
    deletions,
    idempotency,
    invitations,
    passkeys,
    resets,
    rules,
    saying,
    schema,
    sessions,
    users,
    workspaces,
)
from counterfoil.store.channels import Rhythm, Target
from counterfoil.store.landing import Lander
from counterfoil.store.versions import Versions
from store.at_once import at_once
from store.conftest import Home

COFFEE = When(summary=Words(Comparison.CONTAINS, "coffee"))
QUARTER = dt.timedelta(minutes=15)


def ada(tx: Tx, home: Home, email: str = "ada@example.org") -> str:
    user_id = users.make(tx, email=email, name="Ada", password_hash="x")
    tx.execute(schema.members.insert().values(workspace_id=home.workspace_id, user_id=user_id, role="owner"))
    return user_id


def invited(tx: Tx, home: Home, token: str, email: str = "bob@example.org") -> invitations.Invitation:
    by = tx.execute(sa.select(schema.members.c.user_id)).scalars().first() or ada(tx, home)
    return invitations.make(tx, home.workspace_id, token=token, email=email, role="member", invited_by=by)


def rule(tx: Tx, home: Home, name: str, then: Then | None = None) -> Rule:
    return rules.add(tx, home.workspace_id, name=name, when=COFFEE, then=then or Then(hide=True))


def channel(tx: Tx, home: Home, rhythm: Rhythm) -> str:
    target = Target(address="ada@example.org")
    return channels.add(
        tx, home.vault, home.workspace_id, kind="email", label="Ada", target=target, kinds=["weekly"], rhythm=rhythm
    ).id


# --- who comes in ----------------------------------------------------------------------------------------


def test_attempts_of_one_moment_do_not_slip_through_together(db: Database) -> None:
    first, second = at_once(
        db,
        lambda tx: attempts.note(tx, "account:ada", limit=1, within=QUARTER),
        lambda tx: attempts.note(tx, "account:ada", limit=1, within=QUARTER),
    )
    assert first == 0.0 < second


def test_attempts_about_others_do_not_wait_even_where_both_forget_old_ones(db: Database) -> None:
    old = {"id": "old", "subject": "account:eve", "at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}
    with db.begin() as tx:
        tx.execute(schema.attempts.insert().values(**old))

    def without_waiting(tx: Tx) -> float:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.text("SET LOCAL lock_timeout = 1"))
        return attempts.note(tx, "account:bob", limit=1, within=QUARTER)

    at_once(db, lambda tx: attempts.note(tx, "account:ada", limit=1, within=QUARTER), without_waiting)
    with db.reading() as tx:
        assert set(tx.execute(sa.select(schema.attempts.c.subject)).scalars()) == {"account:ada", "account:bob"}


def test_of_two_letters_at_once_only_the_later_link_holds(home: Home) -> None:
    with home.db.begin() as tx:
        ada(tx, home)

    def letter(tx: Tx, token: str) -> None:
        assert attempts.note(tx, "reset:ada", limit=3, within=QUARTER) == 0.0
        resets.make(tx, "ada@example.org", token=token)

    at_once(home.db, lambda tx: letter(tx, "early"), lambda tx: letter(tx, "late"))
    with home.db.reading() as tx:
        assert resets.find(tx, "early") is None
        assert resets.find(tx, "late") is not None


@pytest.mark.parametrize("known", [False, True])
def test_an_address_gets_one_password_however_often_the_form_is_sent(home: Home, known: bool) -> None:
    with home.db.begin() as tx:
        if known:
            workspaces.add_user(tx, home.workspace_id, email="bob@example.org", name="Bob")
    with pytest.raises(BadRequest, match="has an account"):
        at_once(
            home.db,
            lambda tx: users.make(tx, email="Bob@example.org", name="Bob", password_hash="x"),
            lambda tx: users.make(tx, email="bob@example.org", name="Bob", password_hash="y"),
        )
    with home.db.reading() as tx:
        lock = users.lock_of(tx, "bob@example.org")
    assert lock is not None and lock.password_hash == "x"


def test_of_two_invitations_of_an_address_only_the_later_holds(home: Home) -> None:
    with home.db.begin() as tx:
        ada(tx, home)
    _, later = at_once(home.db, lambda tx: invited(tx, home, "a"), lambda tx: invited(tx, home, "b"))
    with home.db.reading() as tx:
        assert [one.id for one in invitations.of_workspace(tx, home.workspace_id)] == [later.id]


def test_two_owners_who_remove_each_other_leave_one(home: Home) -> None:
    with home.db.begin() as tx:
        one, other = ada(tx, home), ada(tx, home, "bob@example.org")
    with pytest.raises(BadRequest, match="last owner"):
        at_once(
            home.db,
            lambda tx: users.remove_member(tx, home.workspace_id, other),
            lambda tx: users.remove_member(tx, home.workspace_id, one),
        )


def test_a_user_has_no_more_passkeys_than_there_can_be(home: Home) -> None:
    with home.db.begin() as tx:
        user = ada(tx, home)
        for nth in range(passkeys.MOST - 1):
            passkeys.add(tx, user, "phone", Key(b"%d" % nth, b"public", 0))
    with pytest.raises(BadRequest, match="the most there can be"):
        at_once(
            home.db,
            lambda tx: passkeys.add(tx, user, "phone", Key(b"a", b"public", 0)),
            lambda tx: passkeys.add(tx, user, "phone", Key(b"b", b"public", 0)),
        )


def test_a_passkey_is_one_users(home: Home) -> None:
    with home.db.begin() as tx:
        one, other = ada(tx, home), ada(tx, home, "bob@example.org")
    with pytest.raises(BadRequest, match="known already"):
        at_once(
            home.db,
            lambda tx: passkeys.add(tx, one, "phone", Key(b"same", b"public", 0)),
            lambda tx: passkeys.add(tx, other, "phone", Key(b"same", b"public", 0)),
        )


def test_a_new_installation_gets_one_workspace(db: Database) -> None:
    one, other = at_once(db, workspaces.first, workspaces.first)
    assert one == other


def test_who_comes_first_is_the_only_owner(db: Database) -> None:
    with pytest.raises(BadRequest, match="has an owner already"):
        at_once(
            db,
            lambda tx: users.claim(tx, email="ada@example.org", name="Ada", password_hash="x"),
            lambda tx: users.claim(tx, email="eve@example.org", name="Eve", password_hash="x"),
        )


def test_nobody_signs_in_to_what_is_being_deleted(home: Home) -> None:
    with home.db.begin() as tx:
        user = ada(tx, home)
    _, opened = at_once(
        home.db,
        lambda tx: deletions.begin(tx, home.workspace_id, "word"),
        lambda tx: sessions.open_session(tx, token="t", user_id=user, lives=QUARTER, address="", agent=""),
    )
    assert opened is None


@pytest.mark.parametrize("noun", ["consent", "code", "invitation", "link", "challenge", "idempotency key"])
def test_what_is_good_once_is_good_once(home: Home, noun: str) -> None:
    with home.db.begin() as tx:
        user = ada(tx, home)
        consent = consents.add(
            tx, home.vault, workspace_id=home.workspace_id, kind="ledger", state_token="s", verifier="v"
        ).id
        invitation = invited(tx, home, "i", "ada@example.org")
        resets.make(tx, "ada@example.org", token="r")
        passkeys.issue(tx, b"challenge", lives=QUARTER)
    uses: dict[str, Callable[[Tx], bool]] = {
        "consent": lambda tx: consents.take(tx, home.vault, consent) == "v",
        "code": lambda tx: users.take_totp_step(tx, user, 7),
        "invitation": lambda tx: invitations.accept(tx, invitation, user),
        "link": lambda tx: resets.use(tx, "r", "y", address=""),
        "challenge": lambda tx: passkeys.take(tx, b"challenge"),
        "idempotency key": lambda tx: idempotency.begin(tx, home.vault, home.workspace_id, "k", b"asked") is None,
    }
    assert at_once(home.db, uses[noun], uses[noun]) == (True, False)


# --- deleting a workspace --------------------------------------------------------------------------------


def test_a_deletion_is_begun_by_who_asks_and_by_the_run_at_once(home: Home) -> None:
    at_once(
        home.db,
        lambda tx: deletions.begin(tx, home.workspace_id, deletions.name_of("word")),
        lambda tx: deletions.begin(tx, home.workspace_id, deletions.name_of("word")),
    )
    with home.db.reading() as tx:
        assert deletions.find(tx, "word").finished_at is None


def test_all_that_remains_of_logins_that_end_at_once_is_kept(home: Home) -> None:
    with home.db.begin() as tx:
        deletions.begin(tx, home.workspace_id, deletions.name_of("word"))
    at_once(
        home.db,
        lambda tx: deletions.note(tx, home.workspace_id, "End it at the bank."),
        lambda tx: deletions.note(tx, home.workspace_id, "End it at the vendor."),
    )
    with home.db.reading() as tx:
        assert deletions.find(tx, "word").remains == ("End it at the bank.", "End it at the vendor.")


def test_who_joins_another_workspace_in_that_moment_keeps_the_account(home: Home) -> None:
    with home.db.begin() as tx:
        user, other = ada(tx, home), workspaces.create(tx, "Other").id
        invitation = invitations.make(tx, other, token="t", email="ada@example.org", role="member", invited_by=user)
    at_once(
        home.db,
        lambda tx: invitations.accept(tx, invitation, user),
        lambda tx: deletions.begin(tx, home.workspace_id, "word"),
    )
    with home.db.reading() as tx:
        assert users.home_of(tx, user) == other


# --- categories and rules --------------------------------------------------------------------------------


def test_a_category_that_two_name_at_once_is_one(home: Home) -> None:
    one, other = at_once(
        home.db,
        lambda tx: categories.named(tx, home.workspace_id, "Treats"),
        lambda tx: categories.named(tx, home.workspace_id, "treats"),
    )
    assert one == other


def test_a_category_stays_where_a_rule_comes_to_give_it(home: Home) -> None:
    with home.db.begin() as tx:
        treats = categories.named(tx, home.workspace_id, "Treats")
    with pytest.raises(BadRequest, match="still used"):
        at_once(
            home.db,
            lambda tx: rule(tx, home, "Treats", Then(category=categories.known(tx, home.workspace_id, treats))),
            lambda tx: categories.remove(tx, home.workspace_id, treats),
        )


def test_no_rule_gives_a_category_that_is_being_removed(home: Home) -> None:
    with home.db.begin() as tx:
        treats = categories.named(tx, home.workspace_id, "Treats")
    with pytest.raises(BadRequest, match="no category"):
        at_once(
            home.db,
            lambda tx: categories.remove(tx, home.workspace_id, treats),
            lambda tx: rule(tx, home, "Treats", Then(category=categories.known(tx, home.workspace_id, treats))),
        )


def test_a_category_stays_where_a_person_comes_to_give_it(home: Home) -> None:
    purchase = Transaction(
        key="t1", summary="Coffee", date=dt.date(2026, 1, 5), amount=Decimal("-1"), currency="USD", account="acc"
    )
    with home.db.begin() as tx:
        treats = categories.named(tx, home.workspace_id, "Treats")
        lander = Lander(tx, home.first, home.workspace_id)
        lander.apply(Landing([purchase]))
        lander.finish()
    with pytest.raises(BadRequest, match="still used"):
        at_once(
            home.db,
            lambda tx: saying.edit(tx, home.workspace_id, "t1", {"category": treats}),
            lambda tx: categories.remove(tx, home.workspace_id, treats),
        )


def test_there_are_no_more_rules_than_there_can_be(home: Home) -> None:
    with home.db.begin() as tx:
        for nth in range(MOST_RULES - 1):
            rule(tx, home, f"Rule {nth}")
    with pytest.raises(BadRequest, match="rules already"):
        at_once(home.db, lambda tx: rule(tx, home, "One"), lambda tx: rule(tx, home, "Other"))


def test_rules_that_two_move_at_once_are_moved_one_after_the_other(home: Home) -> None:
    with home.db.begin() as tx:
        a, b, c = (rule(tx, home, name).id for name in "abc")
    at_once(
        home.db,
        lambda tx: rules.move(tx, home.workspace_id, c, 0),
        lambda tx: rules.move(tx, home.workspace_id, a, 2),
    )
    with home.db.reading() as tx:
        assert [one.id for one in rules.of_workspace(tx, home.workspace_id)] == [c, b, a]


def test_a_rule_of_which_two_change_something_else_keeps_both(home: Home) -> None:
    with home.db.begin() as tx:
        one = rule(tx, home, "Coffee").id

    def change(tx: Tx, **changes: object) -> None:
        found = rules.hold(tx, home.workspace_id, one)
        rules.change(tx, home.workspace_id, msgspec.structs.replace(found, **changes))

    at_once(home.db, lambda tx: change(tx, name="Tea"), lambda tx: change(tx, enabled=False))
    with home.db.reading() as tx:
        kept = rules.find(tx, home.workspace_id, one)
    assert (kept.name, kept.enabled) == ("Tea", False)


def test_an_account_that_took_another_ones_place_does_so_in_a_rule_that_is_just_changed(home: Home) -> None:
    with home.db.begin() as tx:
        found = rules.add(tx, home.workspace_id, name="Fees", when=When(accounts=("old",)), then=Then(hide=True))

    def land(tx: Tx) -> None:
        Versions(tx, home.workspace_id)  # as every landing does first
        rules.rename_account(tx, home.workspace_id, "old", "new")

    at_once(
        home.db,
        lambda tx: rules.change(tx, home.workspace_id, msgspec.structs.replace(found, name="Bank fees")),
        land,
    )
    with home.db.reading() as tx:
        kept = rules.find(tx, home.workspace_id, found.id)
    assert (kept.name, kept.when.accounts) == ("Bank fees", ("new",))


# --- channels, and what two remove -----------------------------------------------------------------------


def test_a_rhythm_that_is_just_changed_outlives_the_digest_that_is_due(home: Home) -> None:
    now = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
    daily = Rhythm(8, "UTC", now, now + dt.timedelta(days=7))
    with home.db.begin() as tx:
        one = channel(tx, home, daily)

    def send_digests(tx: Tx) -> None:
        for found in channels.due(tx, [home.workspace_id], now):
            channels.set_rhythm(tx, found.id, replace(found.rhythm, digest_at=now + dt.timedelta(days=1)))

    at_once(
        home.db,
        lambda tx: channels.change(tx, one, ["weekly"], replace(daily, hour=None, digest_at=None)),
        send_digests,
    )
    with home.db.reading() as tx:
        kept = channels.find(tx, home.workspace_id, one).rhythm
    assert (kept.hour, kept.digest_at) == (None, None)


@pytest.mark.parametrize("noun", ["rule", "channel", "passkey"])
def test_of_two_who_remove_the_same_only_one_has_done_it(home: Home, noun: str) -> None:
    with home.db.begin() as tx:
        user, now = ada(tx, home), dt.datetime.now(dt.UTC)
        passkeys.add(tx, user, "phone", Key(b"phone", b"public", 0))
        ids = {"rule": rule(tx, home, "Coffee").id, "channel": channel(tx, home, Rhythm(None, "UTC", None, now))}
        ids["passkey"] = passkeys.of_user(tx, user)[0].id
    removes: dict[str, Callable[[Tx], object]] = {
        "rule": lambda tx: rules.remove(tx, home.workspace_id, ids["rule"]),
        "channel": lambda tx: channels.remove(tx, home.workspace_id, ids["channel"]),
        "passkey": lambda tx: passkeys.remove(tx, user, ids["passkey"]),
    }

    def remove(tx: Tx) -> bool:
        try:
            return removes[noun](tx) is not None
        except NotThere:
            return False

    assert at_once(home.db, remove, remove) == (True, False)
