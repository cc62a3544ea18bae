"""Deleting everything: the logins end at the vendor, nothing stays here, and what stands elsewhere is the user's."""

import pytest
import sqlalchemy as sa

from counterfoil.engine import Engine
from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib import passwords
from counterfoil.store import Tx, audit, connections, deletions, rows, schema, tokens, users, workspaces
from counterfoil.sync.deletion import REQUESTED, Deletions
from counterfoil.sync.story import FUNCTIONS
from providers.plaid_vendor import refused
from sync.counter import Counter, eventually

pytestmark = pytest.mark.anyio


def rows_of(tx: Tx, workspace_id: str) -> dict[str, int]:
    """Count what any table still holds of a workspace, or of what belonged to it."""
    found = {}
    for table in schema.metadata.tables.values():
        if table.name in ("attempts", "deletions"):
            continue
        if number := tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
            found[table.name] = number
    return found


def move_in(tx: Tx, workspace_id: str) -> None:
    """Have somebody live in the workspace, with a token and an entry in the log."""
    user_id = users.make(tx, email="ada@example.org", name="Ada", password_hash="x")
    workspaces.add_user(tx, workspace_id, email="ada@example.org", name="Ada")
    tokens.add(tx, workspace_id, token="cft_x", name="script", scope="read", expires_at=None)
    audit.note(tx, workspace_id, "installation.claimed", user_id=user_id)


async def lived_in(desk: Counter) -> connections.Connection:
    await desk.product.db.run(move_in, desk.workspace_id)
    await desk.add_ledger()
    return await desk.connect()


async def test_what_goes_and_what_stays_is_said_beforehand(desk: Counter) -> None:
    bank = await lived_in(desk)
    said = " ".join(await desk.product.deletions.consequences(desk.workspace_id))
    stored = sum((await desk.product.db.read(rows.counts, desk.workspace_id)).values())
    assert f"{stored:,} rows" in said and "Ledger one stays as it is" in said
    assert f"The permission to read {bank.label} is ended" in said and "Ada cannot sign in" in said


async def test_another_name_deletes_nothing(desk: Counter) -> None:
    await lived_in(desk)
    with pytest.raises(BadRequest, match="not the name"):
        await desk.product.deletions.begin(desk.workspace_id, "Hom")
    assert len(desk.logins()) == 1 and await desk.connected()


async def test_nothing_stays_but_what_stands_at_the_destination(desk: Counter) -> None:
    await lived_in(desk)
    before = {table: dict(desk.ledger.rows(table)) for table in desk.ledger.tables}
    begun = await desk.product.deletions.begin(desk.workspace_id, " home ", wait=20)
    assert begun.deletion.finished_at is not None and begun.deletion.remains == ()
    assert desk.logins() == []
    assert {table: desk.ledger.rows(table) for table in desk.ledger.tables} == before
    assert await desk.product.db.read(rows_of, desk.workspace_id) == {}
    # The clock may tick meanwhile.
    runs = {run.function for run in await desk.product.engine.runs(limit=200)}
    assert runs - {"tick", "tell-due", "tidy"} == {"delete-workspace"}
    events = {event.name for event in await desk.product.engine.events(limit=200)}
    assert {name for name in events if name.startswith(("app/", "plaid/"))} == {REQUESTED}
    assert not await desk.product.db.read(users.exist)


async def test_the_workspace_is_nobodys_from_the_first_moment(desk: Counter) -> None:
    await lived_in(desk)
    await desk.product.db.run(deletions.begin, desk.workspace_id, "somebody's")
    assert await desk.product.db.read(workspaces.every) == []
    assert await desk.product.db.read(tokens.find, "cft_x") is None
    assert await desk.product.db.read(users.lock_of, "ada@example.org") is None
    assert await desk.connected() == []
    with pytest.raises(NotThere):
        await desk.product.deletions.begin(desk.workspace_id, "Home")


async def test_whoever_begins_anew_meanwhile_is_not_deleted_with_the_rest(desk: Counter) -> None:
    await lived_in(desk)
    await desk.product.db.run(deletions.begin, desk.workspace_id, "somebody's")
    hashed = await passwords.hash_of("correct horse battery staple")
    await desk.product.db.run(users.claim, email="bob@example.org", name="Bob", password_hash=hashed)
    await desk.product.db.run(deletions.finish, desk.workspace_id)
    assert await desk.product.db.read(users.exist)
    assert len(await desk.product.db.read(workspaces.every)) == 1


async def test_who_belongs_elsewhere_too_stays_there(desk: Counter) -> None:
    await lived_in(desk)
    other = await desk.product.db.run(workspaces.create, "Work")
    await desk.product.db.run(workspaces.add_user, other.id, email="ada@example.org", name="Ada")
    await desk.product.deletions.begin(desk.workspace_id, "Home", wait=20)
    assert await desk.product.db.read(users.exist)
    assert [one.id for one in await desk.product.db.read(workspaces.every)] == [other.id]


async def test_what_the_vendor_would_not_end_is_said_and_holds_nothing_up(desk: Counter) -> None:
    bank = await lived_in(desk)
    status, body = refused("INVALID_API_KEYS", "INVALID_INPUT")
    desk.control.plan(path="/item/remove", method="POST", kind="status", status=status, body=body, times=1)
    begun = await desk.product.deletions.begin(desk.workspace_id, "Home", wait=20)
    [said] = begun.deletion.remains
    assert bank.label in said and "End it there yourself" in said
    assert await desk.product.db.read(rows_of, desk.workspace_id) == {}


async def test_only_who_knows_the_word_sees_how_it_stands(desk: Counter) -> None:
    begun = await desk.product.deletions.begin(desk.workspace_id, "Home", wait=20)
    assert (await desk.product.deletions.stands(begun.word)).finished_at is not None
    for guess in ("", begun.deletion.id):
        with pytest.raises(NotThere):
            await desk.product.deletions.stands(guess)


async def test_a_worker_that_stops_half_way_leaves_the_rest_to_the_next(desk: Counter) -> None:
    await lived_in(desk)
    desk.control.plan(path="/item/remove", method="POST", kind="cut_before", times=1)
    product = desk.product
    begun = await product.deletions.begin(desk.workspace_id, "Home")

    async def at_work() -> bool | None:
        return True if await product.engine.runs(function="delete-workspace", status="running") else None

    await eventually(at_work)
    await product.engine.stop()
    again = Engine(
        FUNCTIONS,
        product.settings.data_dir / "engine.db",
        app_version="test",
        utils=product.engine._utils,
        backoff=0.01,
    )
    await again.start()
    try:
        await again.drained(30)
    finally:
        await again.stop()
    assert (await Deletions(product.doors, again).stands(begun.word)).finished_at is not None
    assert desk.logins() == []
    assert await product.db.read(rows_of, desk.workspace_id) == {}
