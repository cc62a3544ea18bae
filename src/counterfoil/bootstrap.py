"""Builds the product from its settings: store, http, connectors, engine."""

import gc
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TextIO, cast

import structlog

from counterfoil import __version__, registry
from counterfoil.config import Settings, app_settings, load, make_data_dir, open_vault
from counterfoil.engine import Engine, Function
from counterfoil.errors import BadSettings
from counterfoil.lib.budget import Budgets
from counterfoil.lib.http import Http
from counterfoil.ports import DestinationSpec, ProviderSpec
from counterfoil.store import Database
from counterfoil.store.budgets import SharedBudgets
from counterfoil.sync.arrange import Arrangements
from counterfoil.sync.consents import Consents
from counterfoil.sync.deletion import Deletions
from counterfoil.sync.doors import Doors
from counterfoil.sync.intake import Intake
from counterfoil.sync.relinks import Relinks
from counterfoil.sync.removal import Upkeep
from counterfoil.sync.rules import Rulings
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from counterfoil.sync.telling.acts import Channels
from counterfoil.sync.telling.post import Post
from counterfoil.sync.telling.ways import Outward
from counterfoil.sync.visits import Visits

KEEP_RUNS: Final = 30 * 86_400.0  # seconds for which finished runs can be looked at and replayed


@dataclass(frozen=True, slots=True)
class Product:
    """Everything that a process of the product works with."""

    settings: Settings
    db: Database
    doors: Doors
    engine: Engine[SyncSteps]
    intake: Intake

    @property
    def arrangements(self) -> Arrangements:
        """Maps destinations, tries changes, and carries them out."""
        return Arrangements(self.doors, self.engine)

    @property
    def visits(self) -> Visits:
        """Begins visits to vendors' pages."""
        return Visits(self.doors, self.engine)

    @property
    def consents(self) -> Consents:
        """Begins consents on the pages of destinations' vendors, and makes destinations of them."""
        return Consents(self.doors, self.engine, self.settings.public_url)

    @property
    def relinks(self) -> Relinks:
        """Takes answers about banks that were linked again."""
        return Relinks(self.doors, self.engine)

    @property
    def rulings(self) -> Rulings:
        """Tries and applies rules, and takes what people say of rows and pairs."""
        return Rulings(self.doors, self.engine)

    @property
    def channels(self) -> Channels:
        """Adds, changes, tries and removes the channels by which people are told."""
        return Channels(self.doors, self.engine, outward_of(self.settings, self.doors.http))

    @property
    def deletions(self) -> Deletions:
        """Deletes everything of a workspace."""
        return Deletions(self.doors, self.engine)

    @property
    def upkeep(self) -> Upkeep:
        """Pauses, resumes and removes connections."""
        return Upkeep(self.doors, self.engine)


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings, and refuse a variable that nothing reads. Raises `BadSettings`."""
    vendors = {spec.env for spec in registry.PROVIDERS.values()} | {spec.env for spec in registry.DESTINATIONS.values()}
    return load(environ, vendors=vendors)


@asynccontextmanager
async def running(
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    *,
    worker: bool | None = True,
    budgets: Budgets | None = None,
) -> AsyncIterator[Product]:
    """Start the product in the running event loop and stop it at the end. Raises `BadSettings`.

    With `worker` False the process takes in events and shows what there is, and leaves the work to others; with None it
    works where nobody else does.
    """
    make_data_dir(settings)
    db = Database.open(settings.database)
    if budgets is None and settings.database_url is not None:
        budgets = SharedBudgets(db)  # other processes may use the same credentials
    http = Http(budgets=budgets)
    try:
        db.migrate()
        doors = make_doors(settings, environ, db, http)
        steps = SyncSteps(
            doors,
            keep_pages_days=settings.keep_pages_days,
            forget_runs=lambda: engine.forget(KEEP_RUNS),
            erase_runs=lambda names, spared: engine.erase(names, spared=spared),
            post=Post(db, doors.vault, outward_of(settings, http)),
        )
        engine: Engine[SyncSteps] = Engine(
            functions=[*FUNCTIONS, *load_functions(settings.functions)],
            database=settings.engine_database,
            app_version=__version__,
            utils=lambda _ctx: steps,
        )
        try:
            await engine.start(worker=worker is not False)
        except BadSettings:
            if worker is not None:
                raise
            await engine.start(worker=False)
        try:
            yield Product(settings, db, doors, engine, Intake(doors, engine))
        finally:
            await engine.stop()
    finally:
        await http.aclose()
        db.close()


def outward_of(settings: Settings, http: Http) -> Outward:
    """Give what messages to people need in order to leave."""
    return Outward(http, settings.mail_server, settings.public_url, settings.private_webhooks)


def load_functions(module: str | None) -> list[Function[Any, Any]]:
    """Load a user's own functions: every `Function` that the module holds under a name of its own.

    Raises `BadSettings` where there is no such module, or it holds none.
    """
    if module is None:
        return []
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise BadSettings(
            f"COUNTERFOIL_FUNCTIONS names {module}, which cannot be imported: {error}.",
            remedy="Put the module's folder on PYTHONPATH, and check its name.",
        ) from error
    found = [value for name, value in vars(loaded).items() if isinstance(value, Function) and not name.startswith("_")]
    own = [function for function in found if function not in FUNCTIONS]
    if not own:
        raise BadSettings(
            f"The module {module} holds no durable functions.", remedy="Make them with counterfoil.engine.function."
        )
    return own


def make_doors(settings: Settings, environ: Mapping[str, str], db: Database, http: Http) -> Doors:
    """Put together what opens connectors."""
    specs: list[ProviderSpec | DestinationSpec] = [*registry.PROVIDERS.values(), *registry.DESTINATIONS.values()]
    apps = {spec.slug: app_settings(spec.app, spec.env, environ) for spec in specs}
    return Doors(db, open_vault(settings), http, registry.PROVIDERS, registry.DESTINATIONS, apps)


class _Stderr:
    """The standard error of the moment: whoever replaces it gets the lines, and whoever closes his own loses none."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def spare_the_collector() -> None:
    """Let Python's garbage collector pass over what is loaded by now, for good: for a process that serves or works.

    Modules, routes and statements stay to the end; to look through them again and again cost a tenth of the CPU.
    """
    gc.collect()
    gc.freeze()


def configure_logs(settings: Settings) -> None:
    """Log structured lines, for people or for machines; nothing logs a token or a bank row."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s")
    render: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        render = structlog.dev.ConsoleRenderer()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Stderr())),
    )
