"""Both kinds of database, so that every promise is tested on each."""

import asyncio
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from counterfoil.engine import Engine


async def make_tables(database: str) -> None:
    engine: Engine[None] = Engine([], database, app_version="test")
    await engine.start(worker=False)
    await engine.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Make the tables once: the hundred steps of DBOS's schema take seconds."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE engine_template")
    url = sa.make_url(postgres_server).set(database="engine_template")
    asyncio.run(make_tables(url.render_as_string(hide_password=False)))
    return postgres_server


@contextmanager
def postgres_copy(server: str) -> Iterator[str]:
    name = f"engine_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE engine_template".encode())
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[str]:
    """Give a PostgreSQL database that nobody used."""
    with postgres_copy(postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database of each kind that nobody used."""
    if request.param == "sqlite":
        return str(tmp_path / "engine.db")
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Give one database after another that nobody used, of each kind."""
    with ExitStack() as copies:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_template")
            yield lambda: copies.enter_context(postgres_copy(server))
        else:
            template, number = tmp_path / "template.db", count()
            asyncio.run(make_tables(str(template)))
            yield lambda: str(shutil.copy(template, tmp_path / f"{next(number)}.db"))
