"""What a provider's test class fills in, and the fixtures that its cases share."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx2
import pytest
from pydantic import BaseModel, SecretStr
from starlette.types import Receive, Scope, Send

from contracts.hooks import Endpoint
from contracts.ledger import Reading
from contracts.stage import Control, Hurried, Stage
from counterfoil.errors import CounterfoilError
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Provider, ProviderSpec
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving

UNHURRIED = httpx2.Timeout(30)
HURRIED = httpx2.Timeout(0.5)  # for the faults that answer nothing
HANG = 0.9  # seconds that a hanging emulator keeps silent: longer than HURRIED


@dataclass(slots=True)
class Street(Stage):
    """A stage whose emulators start in the server's own loop, with their first call: some keep a clock going."""

    _waiting: list[Emulator] = field(default_factory=list)
    _started: list[Emulator] = field(default_factory=list)

    def show(self, emulator: Emulator) -> None:
        """Serve this emulator from now on; it may have been shown before."""
        Stage.show(self, emulator)
        if not any(known is emulator for known in self._started):
            self._started.append(emulator)
            self._waiting.append(emulator)

    async def _play(self, scope: Scope, receive: Receive, send: Send) -> None:
        while self._waiting:
            emulator = self._waiting.pop()
            if emulator.started is not None:
                await emulator.started(self.url)
        await Stage._play(self, scope, receive, send)


@dataclass(slots=True)
class Bank:
    """One vendor with one connection, and the means to read it and to make things happen there."""

    spec: ProviderSpec
    emulator: Emulator
    control: Control
    url: str
    http: Http
    app: BaseModel
    settings: BaseModel
    budgets: Hurried
    saved: list[BaseModel] = field(default_factory=list)

    def open(self, settings: BaseModel | None = None) -> Provider:
        """Open the connection, or another one."""

        async def save(changed: BaseModel) -> None:
            self.saved.append(changed)

        return self.spec.open(Access(self.http, self.app, settings or self.settings, save))

    def reading(self, settings: BaseModel | None = None) -> Reading:
        """Begin to read from nothing."""
        return Reading(self.spec, self.open(settings))

    async def post(self, path: str, **kwargs: Any) -> Any:
        """Send the vendor a request of the test's own; give the decoded body."""
        reply = await self.http.send("POST", self.url + path, **kwargs)
        assert reply.ok, f"{path}: {reply.status} {reply.body!r}"
        return reply.decode(object)

    def act(self, action: str, **body: Any) -> Any:
        """Make something happen at the vendor."""
        return self.control.act(action, **body)


class ProviderHooks(ABC):
    """Subclass `ProviderContract`, name the class Test…, and fill these in.

    `bank.settings` may be replaced by a hook that connects anew. A scenario that the vendor cannot play is declared
    in `exempt` with the reason, and is then not collected.
    """

    spec: ClassVar[ProviderSpec]
    endpoints: ClassVar[Sequence[Endpoint]]  # every call that reading makes
    exempt: ClassVar[Mapping[str, str]] = {}  # test name -> why
    refused_token: ClassVar[tuple[int, Any]]  # status and body for a token that stopped working
    paged: ClassVar[str] = "transactions"  # a stream of several pages, which lands in the table of that name

    @abstractmethod
    def emulator(self) -> Emulator:
        """Make a fresh emulator. Its history has at least two pages of the stream `paged`."""

    @abstractmethod
    def app(self, url: str) -> BaseModel:
        """Make the deployment's settings for an emulator at that url."""

    @abstractmethod
    async def connect(self, bank: Bank) -> BaseModel:
        """Connect to a login whose history is ready to be read; give the settings."""

    @abstractmethod
    async def connect_unready(self, bank: Bank) -> BaseModel:
        """Connect to a login whose history the vendor has not read yet."""

    @abstractmethod
    def get_ready(self, bank: Bank) -> None:
        """Let the vendor read the history of the unready login."""

    @abstractmethod
    def vanish(self, bank: Bank, key: str) -> None:
        """Take away the transaction of that key while its pages are being read, so that the vendor refuses to go on."""

    @abstractmethod
    def add_pending(self, bank: Bank) -> str:
        """Add a pending transaction; give its key."""

    @abstractmethod
    def post_across_pages(self, bank: Bank, pending: str) -> str:
        """Post it so that the next read has its removal and the posted row on different pages; give the new key."""

    @abstractmethod
    def resend_unchanged(self, bank: Bank) -> None:
        """Let the vendor say again of some rows, unchanged, that they were modified."""

    @abstractmethod
    def take_back(self, bank: Bank) -> str:
        """Remove a transaction for good; give its key."""

    @abstractmethod
    def lock_out(self, bank: Bank) -> None:
        """Let the login stop working until the person acts."""

    @abstractmethod
    def let_in(self, bank: Bank) -> None:
        """Let the person act."""

    @abstractmethod
    def show_novelties(self, bank: Bank) -> None:
        """Let every page hold fields and enum values that nobody has seen before."""

    async def other_calls(self, bank: Bank) -> Any:
        """Make the calls that are not reading (webhook keys, …), patiently; give what must come out the same."""
        return None

    def __init_subclass__(cls) -> None:
        for name, reason in cls.exempt.items():
            assert callable(getattr(cls, name, None)), f"no such test to be exempt from: {name}"
            assert reason, f"say why {cls.__name__} is exempt from {name}"
            setattr(cls, name, None)  # not collected

    # --- fixtures ---

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture(scope="class")
    @classmethod
    def stage(cls) -> Iterator[Stage]:
        stage = Street(cls.spec.slug, routes=(), credentials=lambda url: {})
        with serving(stage) as served:
            stage.url = served.urls[stage.slug]
            yield stage

    @pytest.fixture
    async def bank(self, stage: Stage) -> AsyncIterator[Bank]:
        """A vendor of its own, without rate limits, with one connection."""
        async for bank in self.opened(stage, self.emulator(), None, UNHURRIED):
            yield bank

    async def opened(
        self, stage: Stage, emulator: Emulator, settings: BaseModel | None, timeout: httpx2.Timeout
    ) -> AsyncIterator[Bank]:
        """Put an emulator on the stage and open a connection there, once."""
        stage.show(emulator)
        budgets = Hurried()
        http = Http(budgets=budgets, timeout=timeout, backoff=lambda attempt: 0.0)
        control = Control(stage.url)
        control.act("rate", scale="off")
        app = self.app(stage.url)
        bank = Bank(type(self).spec, emulator, control, stage.url, http, app, settings or app, budgets)
        if settings is None:
            bank.settings = await self.connect(bank)
        try:
            yield bank
        finally:
            control.close()
            await http.aclose()


def secrets_of(*models: BaseModel) -> list[str]:
    """Give the texts of a model that must never be seen in an error or a log."""
    values = [value for model in models for value in dict(model).values()]
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def assert_tells_no_secret(errors: Sequence[CounterfoilError], secrets: Sequence[str]) -> None:
    """Assert that neither the errors nor their causes give a secret away."""
    for error in errors:
        told = [str(error), repr(error), getattr(error, "remedy", ""), repr(error.__cause__), str(error.__cause__)]
        for secret in secrets:
            assert secret not in "".join(told), "an error tells a secret"
