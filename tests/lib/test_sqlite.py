"""SQLite engines wait for each other, keep their promises about transactions, and say clearly what is wrong."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from counterfoil.errors import BadSettings
from counterfoil.lib.sqlite import SAFE_WAL, FileWatch, dbapi, sqlite_engine

_COUNTER = "CREATE TABLE counter (n INTEGER NOT NULL)"


def test_the_library_in_use_is_safe_in_wal_mode_and_wal_is_on(tmp_path: Path) -> None:
    assert dbapi().sqlite_version_info >= SAFE_WAL
    with sqlite_engine(tmp_path / "a.db").begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_what_a_transaction_reads_stays_true_until_it_commits(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db")
    with engine.begin() as connection:
        connection.exec_driver_sql(_COUNTER)
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")

    def add_fifty() -> None:
        for _ in range(50):
            with engine.begin() as connection:
                n = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
                connection.exec_driver_sql("UPDATE counter SET n = ?", (n + 1,))

    threads = [threading.Thread(target=add_fifty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar_one() == 200


def test_a_readonly_transaction_waits_for_no_writer_and_sees_one_snapshot(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db")
    with engine.begin() as connection:
        connection.exec_driver_sql(_COUNTER)
        connection.exec_driver_sql("INSERT INTO counter VALUES (1)")
    reader = engine.execution_options(readonly=True)
    with engine.begin() as writing, reader.begin() as reading:
        writing.exec_driver_sql("UPDATE counter SET n = 2")
        assert reading.exec_driver_sql("SELECT n FROM counter").scalar_one() == 1


def test_an_error_rolls_the_whole_transaction_back(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db")
    with engine.begin() as connection:
        connection.exec_driver_sql(_COUNTER)

    def fail_half_way() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO counter VALUES (1)")
            connection.exec_driver_sql("INSERT INTO counter VALUES (NULL)")

    with pytest.raises(sa.exc.IntegrityError):
        fail_half_way()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM counter").scalar_one() == 0


def test_a_commit_of_the_engine_waits_for_the_disk_only_when_it_must(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db", transactions="statement", pool=1)
    full, normal = 2, 1
    for flushed, level in ((False, normal), (True, full), (False, normal)):
        with engine.execution_options(flushed=flushed).begin() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == level
    with sqlite_engine(tmp_path / "a.db").begin() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == full


def test_a_watch_tells_of_every_write_once(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db", transactions="statement", pool=2)
    watch = FileWatch(engine)
    watch.changed()
    assert not watch.changed()
    with engine.begin() as connection:
        connection.exec_driver_sql(_COUNTER)
    assert watch.changed() and not watch.changed()
    watch.close()
    assert not watch.changed()


def test_a_watch_is_closed_only_after_a_look_that_is_under_way(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db", transactions="statement", pool=1)
    watch, looking, go_on = FileWatch(engine), threading.Event(), threading.Event()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def linger(*_: object) -> None:
        looking.set()
        go_on.wait(10)

    look = threading.Thread(target=watch.changed)
    close = threading.Thread(target=watch.close)
    look.start()
    assert looking.wait(10)
    close.start()
    close.join(0.2)
    assert close.is_alive(), "SQLite would read memory that was given back"
    go_on.set()
    look.join()
    close.join()


def test_a_directory_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="missing") as caught:
        sqlite_engine(tmp_path / "missing" / "a.db")
    assert "data directory" in caught.value.remedy


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database " * 100)
    with pytest.raises(BadSettings, match=r"a\.db"):
        sqlite_engine(tmp_path / "a.db")
