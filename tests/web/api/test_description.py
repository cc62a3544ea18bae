"""The API keeps to its own description, whatever is asked of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.datastructures import State

from counterfoil.web.api import operations, reference
from web.api.served import Served, serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
# The same questions in every run, and no limit on the time of one.
PROFILE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
Operation = schemathesis.APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("api")) as made:
        yield made


def description() -> dict[str, Any]:
    return operations.application(State()).openapi()


OPERATIONS = [
    found.ok() for found in schemathesis.openapi.from_dict(description()).get_all_operations() if isinstance(found, Ok)
]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")


def question(operation: Operation) -> st.SearchStrategy[Case]:
    """Make requests that fit the description, and as many that do not."""
    modes = [GenerationMode.POSITIVE]
    if operation.path_parameters or operation.query or operation.body:
        modes.append(GenerationMode.NEGATIVE)
    return st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])


def ask(operation: Operation, served: Served, examples: int) -> None:
    """Ask so many odd questions; of two ids made up, one is replaced by one that is there."""

    @settings(PROFILE, max_examples=examples)
    @given(case=question(operation), real=st.booleans())
    def one(case: Case, real: bool) -> None:
        assume(all(value != [] and value != {} for value in case.query.values()))  # of these nothing is sent
        if real:
            case.path_parameters = {
                **case.path_parameters,
                **{name: served.known[name] for name in case.path_parameters if name in served.known},
            }
        case.call_and_validate(
            base_url=f"{served.url}/api", checks=CHECKS, headers={"Authorization": f"Bearer {served.token}"}
        )

    one()


@each_operation
def test_odd_questions_get_answers_that_were_described(operation: Operation, served: Served) -> None:
    ask(operation, served, 5)


@pytest.mark.long
@each_operation
def test_many_odd_questions_get_such_answers_too(operation: Operation, served: Served) -> None:
    ask(operation, served, 50)


def test_the_description_is_openapi_3_1_and_every_operation_says_what_it_needs() -> None:
    told = description()
    assert told["openapi"].startswith("3.1")
    operations = [one for path in told["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert len(OPERATIONS) == len(operations) > 50, "every operation is asked odd questions"
    for one in operations:
        assert one["x-scope"] in ("read", "sync", "write", "admin") and one["security"] == [{"token": []}]
        assert one["description"].partition("\n")[0].endswith(".") and "422" not in one["responses"]


def test_every_post_takes_an_idempotency_key() -> None:
    for path, methods in description()["paths"].items():
        named = [one["name"].lower() for one in methods.get("post", {}).get("parameters", [])]
        assert "post" not in methods or "idempotency-key" in named, path


def test_the_page_shows_every_operation_without_a_script_or_another_host() -> None:
    told = description()
    page = reference.render(told)
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            assert f"{method.upper()} /api{path}" in page and f'id="{one["operationId"]}"' in page
    assert "<script" not in page and "http://" not in page and "https://" not in page


def test_description_and_page_are_there_for_everybody(served: Served) -> None:
    assert httpx2.get(f"{served.url}/api/openapi.json").json() == description()
    page = httpx2.get(f"{served.url}/api/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    stylesheet = re.search(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert stylesheet is not None and httpx2.get(served.url + stylesheet[1]).status_code == 200


def test_the_description_is_json_that_stays_small() -> None:
    assert len(json.dumps(description())) < 250_000
