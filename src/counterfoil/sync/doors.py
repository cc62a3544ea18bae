"""Opens providers and destinations with their decrypted credentials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec
from pydantic import BaseModel, SecretStr

from counterfoil.errors import BadSettings, NotThere
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault
from counterfoil.ports import Access, Destination, DestinationSpec, Identity, Provider, ProviderSpec
from counterfoil.store import Database, connections
from counterfoil.store import destinations as stored

S = TypeVar("S")


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
        save = partial(self._save, connections.replace_credential, connection.id)
        settings = spec.settings.model_validate_json(credential)
        return spec.open(Access(self.http, self.apps[spec.slug], settings, save))

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
        save = partial(self._save, stored.replace_credential, destination.id)
        return spec.open(Access(self.http, self.apps[spec.slug], spec.settings.model_validate_json(raw), save))

    async def introduce(self, spec: ProviderSpec | DestinationSpec, settings: BaseModel) -> tuple[Identity, BaseModel]:
        """Try a credential that is not stored yet; give who we are, and the settings to store (a token may rotate)."""
        latest = [settings]

        async def keep(rotated: BaseModel) -> None:
            latest.append(rotated)

        door: Provider | Destination = spec.open(Access(self.http, self.apps[spec.slug], settings, keep))
        identity = await door.check()
        return identity, latest[-1]

    async def _save(self, replace: Callable[..., None], row_id: str, settings: BaseModel) -> None:
        await self.db.run(replace, self.vault, row_id, sealed_form(settings))


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
