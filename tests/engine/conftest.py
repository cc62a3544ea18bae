"""Both kinds of database, so that every promise is tested on each."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from counterfoil.engine import Engine


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Make the tables once: the hundred steps of DBOS's schema take seconds."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE engine_template")

    async def make() -> None:
        url = sa.make_url(postgres_server).set(database="engine_template")
        engine: Engine[None] = Engine([], url.render_as_string(hide_password=False), app_version="test")
        await engine.start(worker=False)
        await engine.stop()

    asyncio.run(make())
    return postgres_server


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[str]:
    """Give a PostgreSQL database that nobody used."""
    name = f"engine_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE engine_template".encode())
    yield sa.make_url(postgres_template).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database of each kind that nobody used."""
    if request.param == "sqlite":
        return str(tmp_path / "engine.db")
    return str(request.getfixturevalue("postgres_database"))
