"""A connection or a destination that is added, mapped or changed twice in the same moment."""

from collections.abc import Callable
from dataclasses import replace

from counterfoil.plan import Removal
from counterfoil.ports import Identity, TableMapping
from counterfoil.store import Tx, connections, destinations
from counterfoil.store.destinations import Selection
from counterfoil.sync.mapping import default_mappings
from store.at_once import at_once
from store.conftest import Home

NEW = Identity("new", "New")


def named(label: str, table_id: str = "") -> TableMapping:
    [mapping] = default_mappings(["accounts"], Removal.DELETE)
    return replace(mapping, label=label, table_id=table_id)


def changes(home: Home, label: str) -> Callable[[Tx], None]:
    return lambda tx: destinations.change_target(tx, home.destination, named(label), enabled=True)


def test_a_login_that_is_added_twice_is_one_connection_with_the_later_credential(home: Home) -> None:
    def add(credential: bytes) -> Callable[[Tx], str]:
        place = {"workspace_id": home.workspace_id, "provider": "bank", "identity": NEW}
        return lambda tx: connections.add(tx, home.vault, **place, credential=credential).id  # type: ignore[arg-type]

    one, other = at_once(home.db, add(b"first"), add(b"second"))
    assert one == other
    with home.db.reading() as tx:
        assert connections.credential(tx, home.vault, one) == b"second"


def test_a_place_that_is_added_twice_is_one_destination_with_the_later_credential(home: Home) -> None:
    def add(credential: bytes) -> Callable[[Tx], str]:
        place = {"workspace_id": home.workspace_id, "kind": "ledger", "identity": NEW, "selection": Selection()}
        return lambda tx: destinations.add(tx, home.vault, **place, credential=credential).id  # type: ignore[arg-type]

    one, other = at_once(home.db, add(b"first"), add(b"second"))
    assert one == other
    with home.db.reading() as tx:
        assert destinations.credential(tx, home.vault, one) == b"second"


def test_a_table_that_is_mapped_twice_has_the_later_mapping(home: Home) -> None:
    at_once(home.db, changes(home, "First"), changes(home, "Second"))
    with home.db.reading() as tx:
        target = destinations.targets(tx, home.destination)["accounts"]
    assert (target.mapping.label, target.edition) == ("Second", 1)


def test_what_was_prepared_does_not_replace_a_mapping_that_is_being_changed(home: Home) -> None:
    with home.db.begin() as tx:
        changes(home, "Old")(tx)
    prepared = named("Old", "table-1")
    _, bound = at_once(
        home.db,
        changes(home, "New"),
        lambda tx: destinations.bind(tx, home.destination, [prepared], {"accounts": 0}),
    )
    with home.db.reading() as tx:
        target = destinations.targets(tx, home.destination)["accounts"]
    assert (bound, target.mapping.label, target.prepared) == (False, "New", False)
