"""The page for users names every error that asks them to act, and every setting."""

import re
from pathlib import Path

from counterfoil.providers.plaid import SPEC, refusals

PAGE = (Path(__file__).parents[2] / "docs/connectors/plaid.md").read_text()


def test_every_code_that_asks_a_person_to_act_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", PAGE))
    asked = {code.lower() for code in refusals.ASKS_A_PERSON}
    assert asked - explained == set()
    assert "plaid_not_set_up" in explained


def test_every_setting_is_explained() -> None:
    named = set(re.findall(r"COUNTERFOIL_PLAID_([A-Z_]+)", PAGE))
    assert named == {field.upper() for field in SPEC.app.model_fields}
