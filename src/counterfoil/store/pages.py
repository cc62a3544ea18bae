"""Staged pages: the providers' answers as received, and their landing in one transaction."""

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.ports import Landing, Page, StreamSpec
from counterfoil.store import connections, succession
from counterfoil.store.landing import Landed, Lander
from counterfoil.store.schema import pages


def _staged(connection_id: str, stream: str) -> sa.ColumnElement[bool]:
    return (pages.c.connection_id == connection_id) & (pages.c.stream == stream) & pages.c.committed_at.is_(None)


def last_staged(tx: sa.Connection, connection_id: str, stream: str) -> tuple[int, bytes | None, bool] | None:
    """Give position, cursor and has_more of the newest page of the loop under way, None where there is none."""
    query = sa.select(pages.c.position, pages.c.cursor, pages.c.has_more).where(_staged(connection_id, stream))
    row = tx.execute(query.order_by(pages.c.position.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1], row[2])


def stage(tx: sa.Connection, connection_id: str, stream: str, position: int, page: Page) -> None:
    """Keep one page of the loop under way."""
    tx.execute(
        pages.insert().values(
            id=new_id(),
            connection_id=connection_id,
            stream=stream,
            position=position,
            body=page.body,
            cursor=page.cursor,
            has_more=page.has_more,
            staged_at=dt.datetime.now(dt.UTC),
        )
    )


def discard(tx: sa.Connection, connection_id: str, stream: str) -> int:
    """Drop the loop under way; give how many pages it had."""
    return tx.execute(sa.delete(pages).where(_staged(connection_id, stream))).rowcount


def commit(tx: sa.Connection, connection_id: str, stream: StreamSpec, land: Callable[[str, bytes], Landing]) -> Landed:
    """Land every staged page of a finished loop and keep its final cursor, all or nothing.

    Pages are read and landed one at a time: memory stays at one page whatever the length of the loop.
    """
    connection = connections.get(tx, connection_id)
    lander = Lander(tx, connection_id, connection.workspace_id, stream=stream.name)
    loop = tx.execute(
        sa.select(pages.c.id, pages.c.cursor).where(_staged(connection_id, stream.name)).order_by(pages.c.position)
    ).all()
    for page_id, _ in loop:
        body = tx.execute(sa.select(pages.c.body).where(pages.c.id == page_id)).scalar_one()
        lander.apply(land(stream.name, body))
    lander.close_absent(stream.snapshot)
    succession.take_over(tx, lander, connection_id, stream.snapshot)
    connections.save_cursor(tx, connection_id, stream.name, loop[-1][1] if loop else None)
    tx.execute(sa.update(pages).where(_staged(connection_id, stream.name)).values(committed_at=dt.datetime.now(dt.UTC)))
    return lander.finish()


def prune(tx: sa.Connection, before: dt.datetime) -> int:
    """Delete pages that landed before a moment; give how many."""
    return tx.execute(sa.delete(pages).where(pages.c.committed_at < before)).rowcount
