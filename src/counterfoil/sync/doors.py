"""Opens providers and destinations with their decrypted credentials."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from pydantic import BaseModel, SecretStr

from counterfoil.errors import BadSettings, NotThere
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault
from counterfoil.ports import Access, Destination, DestinationSpec, Identity, Provider, ProviderSpec
from counterfoil.store import Database, Tx, connections
from counterfoil.store import destinations as stored

S = TypeVar("S")


class _Credentials(Protocol):
    """The store's module of connections, or of destinations."""

    def credential(self, tx: Tx, vault: Vault, row_id: str, /) -> bytes: ...
    def replace_credential(self, tx: Tx, vault: Vault, row_id: str, credential: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Doors:
    """Every connector that this deployment knows, and what it takes to open one."""

    db: Database
    vault: Vault
    http: Http
    providers: Mapping[str, ProviderSpec]
    destinations: Mapping[str, DestinationSpec]
    apps: Mapping[str, BaseModel]  # slug -> the deployment's registration at the vendor

    def provider_spec(self, slug: str) -> ProviderSpec:
        """Give a provider's spec. Raises `BadSettings`."""
        return _known(self.providers, slug)

    def destination_spec(self, slug: str) -> DestinationSpec:
        """Give a destination kind's spec. Raises `BadSettings`."""
        return _known(self.destinations, slug)

    async def provider(self, connection: connections.Connection) -> Provider:
        """Open a connection's provider."""
        raw = await self.db.read(connections.credential, self.vault, connection.id)
        return self.provider_with(connection, raw)

    def provider_with(self, connection: connections.Connection, credential: bytes) -> Provider:
        """Open a connection's provider with its decrypted credential."""
        spec = self.provider_spec(connection.provider)
        return spec.open(self._access(spec, connection.id, credential, connections))

    async def settings_of(self, connection: connections.Connection) -> BaseModel:
        """Decrypt a connection's settings."""
        raw = await self.db.read(connections.credential, self.vault, connection.id)
        return self.provider_spec(connection.provider).settings.model_validate_json(raw)

    async def destination(self, destination: stored.Destination) -> Destination:
        """Open a destination. Raises `NotThere` for one that was removed, although its credential may still be here."""
        if destination.state == "removed":
            raise NotThere("This destination was removed.", remedy="Add it again: counterfoil destinations add")
        spec = self.destination_spec(destination.kind)
        raw = await self.db.read(stored.credential, self.vault, destination.id)
        return spec.open(self._access(spec, destination.id, raw, stored))

    def _access(
        self, spec: ProviderSpec | DestinationSpec, row_id: str, credential: bytes, table: _Credentials
    ) -> Access:
        async def save(settings: BaseModel) -> None:
            await self.db.run(table.replace_credential, self.vault, row_id, sealed_form(settings))

        @asynccontextmanager
        async def renewing() -> AsyncIterator[BaseModel]:
            async with self.db.alone(f"credential of {row_id}"):
                raw = await self.db.read(table.credential, self.vault, row_id)
                yield spec.settings.model_validate_json(raw)

        settings = spec.settings.model_validate_json(credential)
        return Access(self.http, self.apps[spec.slug], settings, save, renewing)

    async def introduce(self, spec: ProviderSpec | DestinationSpec, settings: BaseModel) -> tuple[Identity, BaseModel]:
        """Try a credential that is not stored yet; give who we are, and the settings to store (a token may rotate)."""
        latest = [settings]

        async def keep(rotated: BaseModel) -> None:
            latest.append(rotated)

        door: Provider | Destination = spec.open(Access(self.http, self.apps[spec.slug], settings, keep))
        identity = await door.check()
        return identity, latest[-1]


def sealed_form(settings: BaseModel) -> bytes:
    """Give the JSON of a settings model with its secrets in clear, for the vault and nothing else."""
    return msgspec.json.encode(settings.model_dump(mode="python"), enc_hook=_reveal)


def _reveal(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value)


def _known(specs: Mapping[str, S], slug: str) -> S:
    try:
        return specs[slug]
    except KeyError:
        raise BadSettings(
            f"There is no connector named {slug}.", remedy=f"There are: {', '.join(sorted(specs))}."
        ) from None
