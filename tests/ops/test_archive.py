"""A backup made while others write comes back whole, and whatever is wrong with one is noticed before it does harm."""

import gzip
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from pydantic import SecretStr

from counterfoil.config import Settings, open_vault
from counterfoil.engine.locks import OneWorker
from counterfoil.errors import BadRequest, BadSettings
from counterfoil.lib.secrets import new_key
from counterfoil.lib.sqlite import dbapi
from counterfoil.ops.archive import back_up, read_manifest, restore
from counterfoil.store import Database, connections
from ops.place import Place, place


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "home") as made:
        yield made


def test_a_backup_under_writes_is_one_moment_of_each_file(home: Place, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            home.write_pair()  # two rows in one transaction: a torn copy would hold an odd number

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        while home.count_pairs() < 20:
            pass
        for number in range(3):
            back_up(home.settings, tmp_path / f"{number}.tar.gz")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for number in range(3):
        there = Settings(data_dir=tmp_path / f"there{number}")
        restore(there, tmp_path / f"{number}.tar.gz")
        with place(there.data_dir) as back:
            assert 20 <= back.count_pairs() <= home.count_pairs()
            assert back.count_rows() % 2 == 0


def test_what_comes_back_is_what_was_there(home: Place, tmp_path: Path) -> None:
    home.write_pair()
    file = tmp_path / "backup.tar.gz"
    manifest = back_up(home.settings, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [member.name for member in manifest.files] == ["counterfoil.db", "engine.db", "secret.key"]
    there = Settings(data_dir=tmp_path / "there")
    done = restore(there, file)
    assert (done.kept, done.other_key, done.manifest) == (None, False, manifest)
    with place(there.data_dir) as back:
        assert back.rows() == home.rows()
        with back.db.reading() as tx:
            assert connections.credential(tx, open_vault(there), home.connection_id) == b'{"token": "secret"}'


def test_destinations_are_read_before_they_are_written_after_a_restore(home: Place, tmp_path: Path) -> None:
    before = home.target()
    assert before.adopted
    back_up(home.settings, tmp_path / "backup.tar.gz")
    there = Settings(data_dir=tmp_path / "there")
    assert restore(there, tmp_path / "backup.tar.gz").tables == 1
    with place(there.data_dir) as back:
        after = back.target()
        assert (after.adopted, after.edition) == (False, before.edition + 1)


def test_a_backup_can_be_made_without_the_key(home: Place, tmp_path: Path) -> None:
    manifest = back_up(home.settings, tmp_path / "backup.tar.gz", with_key=False)
    assert not manifest.has("secret.key")
    assert b"secret.key" not in gzip.decompress((tmp_path / "backup.tar.gz").read_bytes())


def test_keys_of_the_settings_travel_in_the_backup(tmp_path: Path) -> None:
    key, old = new_key(), new_key()
    with place(tmp_path / "home", secret_key=SecretStr(key), old_secret_keys=(SecretStr(old),)) as home:
        back_up(home.settings, tmp_path / "backup.tar.gz")
    there = Settings(data_dir=tmp_path / "there")
    restore(there, tmp_path / "backup.tar.gz")
    assert (there.data_dir / "secret.key").read_text().strip() == key
    assert (there.data_dir / "old-secret.keys").read_text().strip() == old


def test_a_key_of_the_settings_that_is_another_than_the_backups_is_told(home: Place, tmp_path: Path) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    there = Settings(data_dir=tmp_path / "there", secret_key=SecretStr(new_key()))
    assert restore(there, tmp_path / "backup.tar.gz").other_key
    assert not (there.data_dir / "secret.key").exists()


def test_nothing_is_replaced_unasked_and_what_was_there_is_kept(home: Place, tmp_path: Path) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    home.write_pair()
    home.close()
    with pytest.raises(BadRequest, match=r"counterfoil\.db, engine\.db"):
        restore(home.settings, tmp_path / "backup.tar.gz")
    kept = restore(home.settings, tmp_path / "backup.tar.gz", force=True).kept
    assert kept is not None
    with place(home.settings.data_dir) as back, place(kept) as old:
        assert (back.count_rows(), old.count_rows()) == (0, 2)


def test_a_damaged_database_is_replaced_with_its_log(home: Place, tmp_path: Path) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    home.close()
    (home.settings.data_dir / "counterfoil.db").write_bytes(b"no database any more" * 500)
    (home.settings.data_dir / "counterfoil.db-wal").write_bytes(b"left behind")
    with pytest.raises(BadRequest, match="damaged"):
        back_up(home.settings, tmp_path / "another.tar.gz")
    kept = restore(home.settings, tmp_path / "backup.tar.gz", force=True).kept
    assert kept is not None and not (home.settings.data_dir / "counterfoil.db-wal").exists()
    with place(home.settings.data_dir) as back:
        assert back.count_rows() == 0


def test_a_backup_that_is_there_is_not_overwritten_unasked(home: Place, tmp_path: Path) -> None:
    first = back_up(home.settings, tmp_path / "backup.tar.gz")
    with pytest.raises(BadRequest, match="there already"):
        back_up(home.settings, tmp_path / "backup.tar.gz")
    assert back_up(home.settings, tmp_path / "backup.tar.gz", overwrite=True).made_at > first.made_at
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar.gz"}


def test_a_running_worker_keeps_its_database(home: Place, tmp_path: Path) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    worker = OneWorker(home.settings.data_dir / "engine.db")
    worker.take()
    with pytest.raises(BadSettings, match="Another worker"):
        restore(home.settings, tmp_path / "backup.tar.gz", force=True)
    worker.give()
    with pytest.raises(BadSettings, match="Another process has"):  # `serve --no-worker`: this test's own connection
        restore(home.settings, tmp_path / "backup.tar.gz", force=True)
    home.close()
    assert restore(home.settings, tmp_path / "backup.tar.gz", force=True)


def altered(file: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """Write a backup anew with its files changed."""
    files: dict[str, bytes] = {}
    with tarfile.open(file) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            files[entry.name] = content.read()
    change(files)
    other = file.with_name("altered.tar.gz")
    with tarfile.open(other, "w:gz") as archive:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, BytesIO(body))
    return other


def flip(files: dict[str, bytes]) -> None:
    body = bytearray(files["counterfoil.db"])
    body[5000] ^= 1
    files["counterfoil.db"] = bytes(body)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (flip, "damaged"),
        (lambda files: files.pop("engine.db"), "damaged"),
        (lambda files: files.update({"../engine.db": b"x"}), "damaged"),
        (lambda files: files.pop("manifest.json"), "no backup of Counterfoil"),
        (lambda files: files.update({"manifest.json": b"{}"}), "no backup of Counterfoil"),
        (
            lambda files: files.update(
                {"manifest.json": files["manifest.json"].replace(b'"format": 1', b'"format": 9')}
            ),
            "a form that this version does not know",
        ),
    ],
)
def test_a_file_that_is_no_whole_backup_changes_nothing(
    home: Place, tmp_path: Path, change: Callable[[dict[str, bytes]], object], told: str
) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    there = Settings(data_dir=tmp_path / "there")
    with pytest.raises(BadRequest, match=told):
        restore(there, altered(tmp_path / "backup.tar.gz", change))
    assert {path.name for path in there.data_dir.iterdir()} <= {"engine.db.worker"}


def test_half_a_file_and_no_file_are_told_apart(home: Place, tmp_path: Path) -> None:
    back_up(home.settings, tmp_path / "backup.tar.gz")
    whole = (tmp_path / "backup.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadRequest, match="damaged"):
        restore(Settings(data_dir=tmp_path / "there"), tmp_path / "half.tar.gz")
    with pytest.raises(BadRequest, match="There is no file"):
        read_manifest(tmp_path / "none.tar.gz")


def test_a_backup_of_a_newer_schema_is_refused(home: Place, tmp_path: Path) -> None:
    home.close()
    with closing(dbapi().connect(str(home.settings.data_dir / "counterfoil.db"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    back_up(home.settings, tmp_path / "backup.tar.gz")
    with pytest.raises(BadSettings, match="newer version"):
        restore(Settings(data_dir=tmp_path / "there"), tmp_path / "backup.tar.gz")


def test_on_postgres_a_backup_holds_the_keys_and_says_so(home: Place, tmp_path: Path, postgres_url: str) -> None:
    key = (home.settings.data_dir / "secret.key").read_text()
    on_postgres = Settings(data_dir=home.settings.data_dir, database_url=SecretStr(postgres_url))
    manifest = back_up(on_postgres, tmp_path / "backup.tar.gz")
    assert (manifest.database, [member.name for member in manifest.files]) == ("postgresql", ["secret.key"])
    there = Settings(data_dir=tmp_path / "there", database_url=SecretStr(postgres_url))
    db = Database.open(postgres_url)
    db.migrate()
    db.close()
    restore(there, tmp_path / "backup.tar.gz")
    assert (there.data_dir / "secret.key").read_text() == key
    with pytest.raises(BadRequest, match="on postgresql"):
        restore(home.settings, tmp_path / "backup.tar.gz", force=True)


def test_a_folder_without_a_database_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no database"):
        back_up(Settings(data_dir=tmp_path), tmp_path / "backup.tar.gz")
    with pytest.raises(BadRequest, match="cannot be written"):
        back_up(Settings(data_dir=tmp_path), tmp_path / "nowhere" / "backup.tar.gz")
