"""Rules about transactions, in their order."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.rules import MOST_RULES, Rule, Then, When, check
from counterfoil.store import workspaces
from counterfoil.store.schema import rules

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def of_workspace(tx: sa.Connection, workspace_id: str) -> list[Rule]:
    """Give a workspace's rules in their order."""
    query = sa.select(rules).where(rules.c.workspace_id == workspace_id).order_by(rules.c.position, rules.c.id)
    return [_rule(row) for row in tx.execute(query).mappings()]


def find(tx: sa.Connection, workspace_id: str, rule_id: str) -> Rule:
    """Give one rule of a workspace. Raises `NotThere`."""
    query = sa.select(rules).where(rules.c.id == rule_id, rules.c.workspace_id == workspace_id)
    return _found(tx.execute(query).mappings().first(), rule_id)


def hold(tx: sa.Connection, workspace_id: str, rule_id: str) -> Rule:
    """Give one rule that is to be changed; until the transaction ends nobody else changes it. Raises `NotThere`."""
    workspaces.hold(tx, workspace_id)
    return find(tx, workspace_id, rule_id)


def add(tx: sa.Connection, workspace_id: str, *, name: str, when: When, then: Then, enabled: bool = True) -> Rule:
    """Keep a new rule behind all others. Raises `BadRequest` for one that cannot be used."""
    rule = Rule(id=new_id(), name=name, when=when, then=then, enabled=enabled)
    check(rule)
    workspaces.hold(tx, workspace_id)  # before the count: another may be added in this moment
    counted, last = tx.execute(
        sa.select(sa.func.count(), sa.func.max(rules.c.position)).where(rules.c.workspace_id == workspace_id)
    ).one()
    if counted >= MOST_RULES:
        raise BadRequest(f"There are {MOST_RULES} rules already.", remedy="Join some of them, or remove some.")
    position = 0 if last is None else last + 1
    tx.execute(rules.insert().values(id=rule.id, workspace_id=workspace_id, position=position, **_values(rule)))
    return rule


def change(tx: sa.Connection, workspace_id: str, rule: Rule) -> None:
    """Keep a rule as it is now, in its place. Raises `BadRequest` for one that cannot be used, and `NotThere`."""
    check(rule)
    workspaces.hold(tx, workspace_id)  # a landing may be about to have it speak of another account
    mine = (rules.c.id == rule.id) & (rules.c.workspace_id == workspace_id)
    if not tx.execute(sa.update(rules).where(mine).values(**_values(rule))).rowcount:
        find(tx, workspace_id, rule.id)


def remove(tx: sa.Connection, workspace_id: str, rule_id: str) -> Rule:
    """Forget a rule and give it; rows keep what it said until rules are applied to them. Raises `NotThere`."""
    mine = (rules.c.id == rule_id) & (rules.c.workspace_id == workspace_id)
    return _found(tx.execute(sa.delete(rules).where(mine).returning(*rules.c)).mappings().first(), rule_id)


def arrange(tx: sa.Connection, workspace_id: str, rule_ids: Sequence[str]) -> None:
    """Put the rules into this order. Raises `BadRequest` where these are not all of them.

    The caller holds the workspace: two orders at once would mix.
    """
    known = {rule.id for rule in of_workspace(tx, workspace_id)}
    if set(rule_ids) != known or len(rule_ids) != len(known):
        raise BadRequest("The order does not name every rule once.", remedy="List the rules again, and name them all.")
    for position, rule_id in enumerate(rule_ids):
        tx.execute(sa.update(rules).where(rules.c.id == rule_id).values(position=position))


def move(tx: sa.Connection, workspace_id: str, rule_id: str, position: int) -> None:
    """Put one rule at a place among the others, 0 being the first. Raises `NotThere`."""
    hold(tx, workspace_id, rule_id)
    others = [rule.id for rule in of_workspace(tx, workspace_id) if rule.id != rule_id]
    arrange(tx, workspace_id, [*others[: max(position, 0)], rule_id, *others[max(position, 0) :]])


def rename_account(tx: sa.Connection, workspace_id: str, old: str, new: str) -> None:
    """Have rules about an account be about the one that took its place; the caller holds the workspace."""
    for rule in of_workspace(tx, workspace_id):
        if old in rule.when.accounts:
            accounts = tuple(new if key == old else key for key in rule.when.accounts)
            when = msgspec.structs.replace(rule.when, accounts=accounts)
            values = _values(msgspec.structs.replace(rule, when=when))
            tx.execute(sa.update(rules).where(rules.c.id == rule.id).values(**values))


def _values(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "when": _encode(rule.when).decode(),
        "then": _encode(rule.then).decode(),
        "changed_at": dt.datetime.now(dt.UTC),
    }


def _found(row: sa.RowMapping | None, rule_id: str) -> Rule:
    if row is None:
        raise NotThere(f"There is no rule {rule_id}.", remedy="List them: counterfoil rules")
    return _rule(row)


def _rule(row: sa.RowMapping) -> Rule:
    return Rule(
        id=row["id"],
        name=row["name"],
        when=msgspec.json.decode(row["when"], type=When),
        then=msgspec.json.decode(row["then"], type=Then),
        enabled=row["enabled"],
    )
