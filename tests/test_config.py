"""Settings from the environment, and the key that credentials are encrypted with."""

import os
import stat
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from counterfoil.config import Settings, app_settings, load, make_data_dir, open_vault
from counterfoil.errors import BadSettings
from counterfoil.lib.secrets import Vault, new_key


class App(BaseModel):
    url: str = "https://vendor.example"
    secret: SecretStr = SecretStr("")


def test_without_any_variable_there_are_sound_defaults() -> None:
    settings = load({"PATH": "/bin"})
    assert (settings.host, settings.database) == ("127.0.0.1", Path("data/counterfoil.db"))


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:p@host/db\n")
    assert load({"COUNTERFOIL_DATABASE_URL_FILE": str(file)}).database == "postgresql://u:p@host/db"
    with pytest.raises(BadSettings, match="set twice"):
        load({"COUNTERFOIL_DATABASE_URL_FILE": str(file), "COUNTERFOIL_DATABASE_URL": "x"})
    with pytest.raises(BadSettings, match="cannot be read"):
        load({"COUNTERFOIL_DATABASE_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("LOG_LEVEL", "loud"), ("KEEP_PAGES_DAYS", "-1")])
def test_a_wrong_value_is_named_without_being_repeated(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"COUNTERFOIL_{name} cannot be used") as caught:
        load({f"COUNTERFOIL_{name}": value})
    assert value not in str(caught.value)


def test_a_name_that_nothing_reads_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadSettings, match="COUNTERFOIL_DATABSE_URL is not a setting") as caught:
        load({"COUNTERFOIL_DATABSE_URL": "x"})
    assert "COUNTERFOIL_DATABASE_URL" in caught.value.remedy


def test_a_vendors_variables_are_read_by_its_own_model() -> None:
    environ = {"COUNTERFOIL_PLAID_URL": "http://proxy", "COUNTERFOIL_PLAID_SECRET": "s3cret"}
    assert load(environ, vendors=["PLAID"]) == Settings()
    app = app_settings(App, "PLAID", environ)
    assert (app.url, app.secret.get_secret_value()) == ("http://proxy", "s3cret")
    assert "s3cret" not in repr(app)
    with pytest.raises(BadSettings, match="COUNTERFOIL_PLAID_SECRTE"):
        app_settings(App, "PLAID", {"COUNTERFOIL_PLAID_SECRTE": "x"})


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    make_data_dir(settings)
    first, second = open_vault(settings), open_vault(settings)
    assert first.current == second.current
    assert stat.S_IMODE(os.stat(tmp_path / "data" / "secret.key").st_mode) == 0o600


def test_a_new_key_still_opens_what_the_old_one_sealed() -> None:
    old, new = new_key(), new_key()
    sealed = Vault.of(old).seal(b"token", bound_to="row")
    assert Vault.of(new, old).open(sealed, bound_to="row") == b"token"
    settings = Settings(secret_key=SecretStr(new), old_secret_keys=(SecretStr(old),))
    assert open_vault(settings).open(sealed, bound_to="row") == b"token"


@pytest.mark.parametrize("key", ["short", "", "not base64!", "c2hvcnQ="])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(BadSettings):
        Vault.of(key)


def test_a_data_directory_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSettings, match="cannot be written") as caught:
        make_data_dir(Settings(data_dir=tmp_path / "file" / "data"))
    assert "COUNTERFOIL_DATA_DIR" in caught.value.remedy
