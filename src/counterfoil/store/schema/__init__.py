"""Every table of the store. The canonical tables are made from `model`; all others are written out, by noun."""

from counterfoil.store.schema.base import metadata
from counterfoil.store.schema.canonical import rows
from counterfoil.store.schema.consents import consents
from counterfoil.store.schema.history import changes, landings
from counterfoil.store.schema.people import (
    api_tokens,
    attempts,
    audit,
    idempotency_keys,
    invitations,
    members,
    sessions,
    users,
    workspaces,
)
from counterfoil.store.schema.rules import pairings, pairs, rules
from counterfoil.store.schema.story import (
    budget_pauses,
    budget_places,
    candidates,
    connections,
    cursors,
    destination_tables,
    destinations,
    mirror,
    pages,
    relinks,
    requests,
    sync_tables,
    syncs,
    visits,
)

__all__ = [
    "api_tokens",
    "attempts",
    "audit",
    "budget_pauses",
    "budget_places",
    "candidates",
    "changes",
    "connections",
    "consents",
    "cursors",
    "destination_tables",
    "destinations",
    "idempotency_keys",
    "invitations",
    "landings",
    "members",
    "metadata",
    "mirror",
    "pages",
    "pairings",
    "pairs",
    "relinks",
    "requests",
    "rows",
    "rules",
    "sessions",
    "sync_tables",
    "syncs",
    "users",
    "visits",
    "workspaces",
]
