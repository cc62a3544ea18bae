"""API tokens: by whom the JSON API may be used, and for what. Only the caller knows the token itself."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.lib.ids import new_id
from counterfoil.store.schema import api_tokens

_TOUCH: Final = dt.timedelta(minutes=5)  # a token's last use is kept this exactly


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without what it is known by."""

    id: str
    workspace_id: str
    name: str
    scope: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None


_VISIBLE: Final = [api_tokens.c[name] for name in Token.__dataclass_fields__]


def add(
    tx: sa.Connection, workspace_id: str, *, token: str, name: str, scope: str, expires_at: dt.datetime | None
) -> Token:
    """Keep a token's hash, with what it may be used for."""
    made = Token(new_id(), workspace_id, name, scope, dt.datetime.now(dt.UTC), expires_at, None)
    values = {name: getattr(made, name) for name in Token.__dataclass_fields__}
    tx.execute(api_tokens.insert().values(**values, token_hash=_hash(token)))
    return made


def find(tx: sa.Connection, token: str) -> Token | None:
    """Give the token that is known by this text, None where there is none or it has expired."""
    row = tx.execute(sa.select(*_VISIBLE).where(api_tokens.c.token_hash == _hash(token))).first()
    found = None if row is None else Token(*row)
    if found is not None and found.expires_at is not None and found.expires_at <= dt.datetime.now(dt.UTC):
        return None
    return found


def is_fresh(token: Token) -> bool:
    """Say whether its last use was noted moments ago, so that it need not be noted again."""
    return token.used_at is not None and dt.datetime.now(dt.UTC) - token.used_at < _TOUCH


def touch(tx: sa.Connection, token_id: str) -> None:
    """Note that the token was used just now."""
    tx.execute(sa.update(api_tokens).where(api_tokens.c.id == token_id).values(used_at=dt.datetime.now(dt.UTC)))


def page(tx: sa.Connection, workspace_id: str, *, after: str | None, limit: int) -> list[Token]:
    """Give a workspace's tokens, oldest first, from the one that follows the id `after`."""
    query = sa.select(*_VISIBLE).where(api_tokens.c.workspace_id == workspace_id)
    if after is not None:
        query = query.where(api_tokens.c.id > after)
    return [Token(*row) for row in tx.execute(query.order_by(api_tokens.c.id).limit(limit))]


def revoke(tx: sa.Connection, workspace_id: str, token_id: str) -> Token:
    """Delete a token and give what it was. Raises `NotThere`."""
    mine = (api_tokens.c.workspace_id == workspace_id) & (api_tokens.c.id == token_id)
    row = tx.execute(sa.delete(api_tokens).where(mine).returning(*_VISIBLE)).first()
    if row is None:
        raise NotThere(f"There is no API token {token_id}.", remedy="List them: counterfoil token list")
    return Token(*row)


def _hash(token: str) -> bytes:
    # 256 random bits need no salt and no slow hash.
    return sha256(token.encode("utf-8", "replace")).digest()
