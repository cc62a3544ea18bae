"""Settings from the environment: COUNTERFOIL_<NAME>, or COUNTERFOIL_<NAME>_FILE for the file that holds the value."""

import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from counterfoil.errors import BadSettings
from counterfoil.lib.mail import PORTS, MailServer, Tls
from counterfoil.lib.secrets import Vault, new_key

PREFIX: Final = "COUNTERFOIL_"
M = TypeVar("M", bound=BaseModel)


def _comma_separated(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _network(text: str) -> str:
    if text != "*":
        ip_network(text)  # uvicorn takes what it cannot read for a name, and trusts nobody
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text):
        raise ValueError("it must begin with https:// or http://")
    return text.rstrip("/")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it must be one line")  # a line break would begin another header
    return text


class Settings(BaseModel):
    """The deployment's own settings; those of a vendor's app are read by `app_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(Path("data"), description="where the database, the key and the locks live")
    database_url: SecretStr | None = Field(None, description="postgresql://…; SQLite in the data directory without it")
    secret_key: SecretStr | None = Field(None, description="32 bytes in base64; made in the data directory without it")
    old_secret_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(_comma_separated)] = Field(
        (), description="keys that credentials may still be encrypted with, separated by commas"
    )
    host: str = Field("127.0.0.1", description="address that the web server listens on")
    port: int = Field(4000, ge=0, le=65535, description="port that the web server listens on")
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_comma_separated)
    ] = Field(
        ("127.0.0.1", "::1"),
        description="addresses and networks of reverse proxies whose word on the visitor's address and on https is "
        "taken, separated by commas; * for anybody's",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["console", "json"] = Field("console", description="for people or for machines")
    metrics_token: SecretStr | None = Field(None, description="asked of whoever reads /metrics; open without it")
    functions: str | None = Field(None, description="a module with your own durable functions, found on Python's path")
    keep_pages_days: int = Field(30, ge=0, description="days for which the providers' answers are kept as received")
    public_url: Annotated[str, AfterValidator(_address)] | None = Field(
        None, description="where people reach this installation, https://…; messages link to it"
    )
    private_webhooks: bool = Field(
        False, description="true lets notifications go to addresses of the server's own network, and without encryption"
    )
    smtp_host: str | None = Field(None, description="the mail server; without it no e-mail is sent")
    smtp_port: int | None = Field(
        None, ge=1, le=65535, description="its port; without it 587, 465 or 25, as COUNTERFOIL_SMTP_TLS says"
    )
    smtp_tls: Tls = Field(
        Tls.STARTTLS, description="starttls, tls (from the first byte), or none (for a server on this machine)"
    )
    smtp_user: str | None = Field(None, description="the login at the mail server; without it there is none")
    smtp_password: SecretStr | None = Field(None, description="its password")
    smtp_from: Annotated[str, AfterValidator(_one_line)] | None = Field(
        None, description="who e-mails are from; without it the login, or counterfoil at the mail server's name"
    )

    @property
    def database(self) -> Path | str:
        """The SQLite file or the Postgres URL."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return self.data_dir / "counterfoil.db"

    @property
    def mail_server(self) -> MailServer | None:
        """The server that takes e-mails, None where none is set."""
        if self.smtp_host is None:
            return None
        login = self.smtp_user if self.smtp_user and "@" in self.smtp_user else f"counterfoil@{self.smtp_host}"
        return MailServer(
            self.smtp_host,
            self.smtp_from or login,
            self.smtp_port or PORTS[self.smtp_tls],
            self.smtp_tls,
            self.smtp_user,
            None if self.smtp_password is None else self.smtp_password.get_secret_value(),
        )

    @property
    def engine_database(self) -> Path | str:
        """Where runs and events are kept: a file of its own on SQLite, whose writers wait for one another."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return self.data_dir / "engine.db"


def read_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give every COUNTERFOIL_ variable by its name without the prefix, files read. Raises `BadSettings`."""
    found: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or not value:
            continue
        short = name.removeprefix(PREFIX).lower()
        if short.endswith("_file"):
            short = short.removesuffix("_file")
            try:
                value = Path(value).read_text().strip()
            except OSError as error:
                raise BadSettings(
                    f"{name} names a file that cannot be read.", remedy="Check the path and its permissions."
                ) from error
            if PREFIX + short.upper() in environ:
                raise BadSettings(
                    f"{PREFIX}{short.upper()} is set twice, directly and by {name}.", remedy="Leave one of them out."
                )
        found[short] = value
    return found


def load(environ: Mapping[str, str] = os.environ, *, vendors: Iterable[str] = ()) -> Settings:
    """Read the deployment's settings. Raises `BadSettings` for a wrong value and for a name that nothing reads.

    `vendors` are the `env` names of the connectors' specs, whose variables `app_settings` reads.
    """
    found = read_environment(environ)
    others = tuple(f"{vendor.lower()}_" for vendor in vendors)
    own = {
        name: value for name, value in found.items() if not (others and name.startswith(others)) and name not in _OTHERS
    }
    return _validate(Settings, own, PREFIX)


# Read by the command line when it asks another server, and by the tests.
_OTHERS: Final = frozenset({"url", "token", "contracts"})


def app_settings(model: type[M], env: str, environ: Mapping[str, str] = os.environ) -> M:
    """Read a vendor's app settings, COUNTERFOIL_<ENV>_<FIELD>. Raises `BadSettings`."""
    prefix = f"{env.lower()}_"
    found = read_environment(environ)
    mine = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
    unknown = sorted(set(mine) - set(model.model_fields))
    if unknown:
        raise BadSettings(
            f"{PREFIX}{env}_{unknown[0].upper()} is not a setting.",
            remedy=f"There are: {', '.join(f'{PREFIX}{env}_{name.upper()}' for name in model.model_fields)}.",
        )
    return _validate(model, mine, f"{PREFIX}{env}_")


def _validate(model: type[M], values: Mapping[str, str], prefix: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = prefix + "_".join(str(part) for part in first["loc"][:1]).upper()
        remedy = f"There are: {', '.join(prefix + field.upper() for field in model.model_fields)}."
        if first["type"] == "extra_forbidden":
            raise BadSettings(f"{name} is not a setting.", remedy=remedy) from None
        raise BadSettings(
            f"{name} cannot be used: {first['msg']}.", remedy="See the list of settings in the docs."
        ) from None


def open_vault(settings: Settings) -> Vault:
    """Give the vault of the deployment's key; without one in the settings, of the key file in the data directory."""
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
    else:
        key = _key_file(settings.data_dir / "secret.key")
    return Vault.of(key, *(old.get_secret_value() for old in settings.old_secret_keys))


def _key_file(path: Path) -> str:
    try:
        # Made exclusively: of two processes that start at once, one makes the key and the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise unwritable(path.parent) from error
    with os.fdopen(descriptor, "w") as file:
        key = new_key()
        file.write(key + "\n")
    return key


def make_data_dir(settings: Settings) -> None:
    """Make the data directory, readable by its owner only. Raises `BadSettings`."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(settings.data_dir) from error
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise unwritable(settings.data_dir)


def unwritable(path: Path) -> BadSettings:
    """Give the error for a data directory that cannot be written."""
    return BadSettings(
        f"The data directory {path} cannot be written.",
        remedy="Give this user write permission there, or choose another with COUNTERFOIL_DATA_DIR.",
    )
