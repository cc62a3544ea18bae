"""Backups: one archive with the databases, the keys and a manifest, made while Counterfoil runs; and their return."""

import datetime as dt
import gzip
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import msgspec

from counterfoil import __version__
from counterfoil.config import Settings, make_data_dir
from counterfoil.engine.locks import OneWorker
from counterfoil.errors import BadRequest
from counterfoil.store import Database
from counterfoil.store.backup import copy_file, look_again, make_current, retire

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
STORE: Final = "counterfoil.db"
ENGINE: Final = "engine.db"
KEY: Final = "secret.key"
OLD_KEYS: Final = "old-secret.keys"
_PIECE: Final = 1 << 20  # bytes in memory


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    format: int
    version: str  # of Counterfoil
    made_at: dt.datetime
    database: str  # sqlite | postgresql; of the latter the backup holds the keys alone
    files: tuple[Member, ...]

    def has(self, name: str) -> bool:
        """Say whether the backup holds that file."""
        return any(member.name == name for member in self.files)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done."""

    manifest: Manifest
    kept: Path | None  # where the files are that stood there before
    tables: int  # tables at the destinations that are read before they are next written
    other_key: bool  # the settings name another key than the one that came with the backup


# --- making one --------------------------------------------------------------------------------------------


def back_up(settings: Settings, target: Path, *, with_key: bool = True, overwrite: bool = False) -> Manifest:
    """Write a backup, readable by its owner only; it appears under its name when it is complete.

    Raises `BadRequest` where there is nothing to back up, something stands there already, or the disk is full.
    """
    if target.exists() and not overwrite:
        raise BadRequest(f"{target} is there already.", remedy="Choose another name, or give --force.")
    on_sqlite = settings.database_url is None
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".counterfoil-backup-") as folder:
            scratch = Path(folder)
            if on_sqlite:
                _copy_databases(settings, scratch)
            for name, text in (_keys(settings) if with_key else {}).items():
                (scratch / name).write_text(text + "\n")
            files = tuple(_describe(path) for path in sorted(scratch.iterdir()))
            now = dt.datetime.now(dt.UTC)
            manifest = Manifest(FORMAT, __version__, now, "sqlite" if on_sqlite else "postgresql", files)
            part = scratch / "part"
            _write(part, manifest, scratch)
            part.replace(target)
    except OSError as error:
        raise BadRequest(
            f"{target} cannot be written: {error.strerror}.",
            remedy="Choose a folder that exists, that you may write to, and that has space left.",
        ) from error
    return manifest


def _copy_databases(settings: Settings, scratch: Path) -> None:
    # The engine's first. A step that its copy does not know of is done again, which is safe; one that it believes done
    # would be missing from an older copy of the store.
    for name in (ENGINE, STORE):
        source = settings.data_dir / name
        if not source.exists():
            raise BadRequest(
                f"There is no database in {settings.data_dir}.",
                remedy="Set COUNTERFOIL_DATA_DIR to the folder that Counterfoil runs with.",
            )
        copy_file(source, scratch / name)


def _keys(settings: Settings) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    file = settings.data_dir / KEY
    if settings.secret_key is not None:
        keys[KEY] = settings.secret_key.get_secret_value()
    elif file.exists():
        keys[KEY] = file.read_text().strip()
    if settings.old_secret_keys:
        keys[OLD_KEYS] = ",".join(key.get_secret_value() for key in settings.old_secret_keys)
    return keys


def _describe(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(path.name, path.stat().st_size, file_digest(file, "sha256").hexdigest())


def _write(part: Path, manifest: Manifest, scratch: Path) -> None:
    with (
        os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        text = msgspec.json.format(msgspec.json.encode(manifest))
        archive.addfile(_entry(MANIFEST, len(text), manifest.made_at), BytesIO(text))
        for member in manifest.files:
            with (scratch / member.name).open("rb") as file:
                archive.addfile(_entry(member.name, member.size, manifest.made_at), file)
    with part.open("rb") as written:
        os.fsync(written.fileno())  # the name must not outlive the content


def _entry(name: str, size: int, made_at: dt.datetime) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(made_at.timestamp())
    return entry


# --- putting one back --------------------------------------------------------------------------------------


def restore(settings: Settings, source: Path, *, force: bool = False) -> Restored:
    """Put a backup in the place of what is there; what was there is kept beside it. Nothing else may run.

    On Postgres, where the database was restored with its own tools, this puts the keys back. Raises `BadRequest` for a
    file that is no whole backup, and where something would be replaced without `force`; `BadSettings` where Counterfoil
    runs on the data directory. Until all has been checked nothing is changed.
    """
    make_data_dir(settings)
    with (
        _alone(settings),
        tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=".restore-") as folder,
    ):
        scratch = Path(folder)
        manifest = _unpack(source, scratch)
        _fits(manifest, settings)
        other_key = _leave_key(settings, scratch)
        new = sorted(scratch.iterdir())
        doomed = [old for path in new if _stands_in_the_way(old := settings.data_dir / path.name, path)]
        if doomed and not force:
            raise BadRequest(
                f"There is already something in {settings.data_dir}: {', '.join(path.name for path in doomed)}.",
                remedy="Restore into an empty folder, or give --force: what is there is kept beside it.",
            )
        for path in doomed:
            if path.suffix == ".db":
                retire(path)
        tables = make_current(scratch / STORE) if manifest.has(STORE) else _mark(settings)
        kept = _put_aside(settings.data_dir, doomed)
        for path in new:
            path.replace(settings.data_dir / path.name)
    return Restored(manifest, kept, tables, other_key)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    if settings.database_url is not None:
        yield
        return
    lock = OneWorker(settings.data_dir / ENGINE)
    lock.take()
    try:
        yield
    finally:
        lock.give()


def _fits(manifest: Manifest, settings: Settings) -> None:
    here = "sqlite" if settings.database_url is None else "postgresql"
    if manifest.database != here:
        raise BadRequest(
            f"The backup was made of an installation on {manifest.database}, and this one is on {here}.",
            remedy="Set, or leave out, COUNTERFOIL_DATABASE_URL.",
        )


def _leave_key(settings: Settings, scratch: Path) -> bool:
    """Leave out the keys that the settings give; say whether the current one differs from the backup's."""
    if settings.secret_key is None or not (scratch / KEY).exists():
        return False
    theirs = (scratch / KEY).read_text().strip()
    (scratch / KEY).unlink()
    return theirs != settings.secret_key.get_secret_value()


def _mark(settings: Settings) -> int:
    db = Database.open(settings.database)
    try:
        db.migrate()
        with db.begin() as tx:
            return look_again(tx)
    finally:
        db.close()


def _stands_in_the_way(old: Path, new: Path) -> bool:
    is_same_key = new.name in (KEY, OLD_KEYS) and old.exists() and old.read_text().strip() == new.read_text().strip()
    return old.exists() and not is_same_key


def _put_aside(data_dir: Path, doomed: Sequence[Path]) -> Path | None:
    if not doomed:
        return None
    kept = data_dir / f"replaced-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
    kept.mkdir(mode=0o700)
    for path in doomed:
        # A damaged database may still have its log; beside another database it would be the end of that one.
        for suffix in ("", "-wal", "-shm", "-journal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(kept / part.name)
    return kept


def read_manifest(source: Path) -> Manifest:
    """Give what a backup says of itself. Raises `BadRequest`."""
    with _opened(source) as archive:
        return _manifest(archive)


def _unpack(source: Path, scratch: Path) -> Manifest:
    """Unpack the files that the manifest names, each checked against it."""
    with _opened(source) as archive:
        manifest = _manifest(archive)
        missing = {member.name: member for member in manifest.files}
        for entry in archive:
            if entry.name == MANIFEST:  # a list of what was read so far comes first
                continue
            member = missing.pop(entry.name, None)
            if member is None or member.name not in (STORE, ENGINE, KEY, OLD_KEYS) or not entry.isreg():
                raise _not_whole(source)
            content = archive.extractfile(entry)
            if content is None or not _copied(content, scratch / member.name, member):
                raise _not_whole(source)
        if missing:
            raise _not_whole(source)
    return manifest


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r|gz") as archive:
            yield archive
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BadRequest(f"There is no file {source}.", remedy="Check the path.") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _not_whole(source) from error


def _manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    content = None if first is None or first.name != MANIFEST else archive.extractfile(first)
    try:
        manifest = msgspec.json.decode(b"" if content is None else content.read(_PIECE), type=Manifest)
    except msgspec.DecodeError as error:
        raise BadRequest("This is no backup of Counterfoil.", remedy="Check the path.") from error
    if manifest.format != FORMAT:
        raise BadRequest(
            f"The backup was made by Counterfoil {manifest.version}, in a form that this version does not know.",
            remedy="Install that version, and try again.",
        )
    return manifest


def _copied(content: IO[bytes], target: Path, member: Member) -> bool:
    """Copy a file; say whether it is the one that the manifest speaks of."""
    seen, digest = 0, sha256()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := content.read(_PIECE):
            seen += len(piece)
            digest.update(piece)
            file.write(piece)
    return seen == member.size and digest.hexdigest() == member.sha256


def _not_whole(source: Path) -> BadRequest:
    return BadRequest(f"{source} is damaged, or no whole backup.", remedy="Take another backup.")
