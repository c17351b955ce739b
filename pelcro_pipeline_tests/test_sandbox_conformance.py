"""No answer of the sandbox stands outside its OpenAPI document: schemathesis thinks of the calls."""

from __future__ import annotations

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pelcro_pipeline_tests.api import running
from pelcro_pipeline_tests.test_sandbox import DOCUMENT, world
from pelcro_sandbox.openapi import PREFIX

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
pytestmark = pytest.mark.long
#: Of what is named by its id, so many are there.
_ROWS = 3
_seen: Counter = Counter()

__all__ = ["world"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def api(sandbox):
    return sandbox.sites["staging"]


@pytest.fixture(scope="module")
def described(sandbox):
    return schemathesis.openapi.from_dict(DOCUMENT)


def aimed(case: schemathesis.Case, site_id: int) -> None:
    """Let a call get past the door: the right site, and ids that are mostly there."""
    case.query = {name: value for name, value in (case.query or {}).items() if name != "mode"} | {"site_id": site_id}
    if isinstance((case.path_parameters or {}).get("id"), int):
        case.path_parameters["id"] = case.path_parameters["id"] % _ROWS + 1
    if isinstance(case.body, dict):
        case.body.pop("site_id", None)
        for name, value in case.body.items():
            if name.endswith("_id") and isinstance(value, int) and not isinstance(value, bool):
                case.body[name] = value % _ROWS + 1


def operations() -> list[tuple[str, str]]:
    return [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.parametrize(("path", "method"), operations(), ids=lambda each: each.removeprefix(PREFIX))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_every_answer_is_one_that_the_document_describes(sandbox, world, described, path, method, mode):
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=5 if mode is GenerationMode.POSITIVE else 2,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        aimed(case, 1001)
        headers = {"Authorization": "Bearer sandbox-staging"}
        response = case.call(base_url=sandbox.told["url"].removesuffix(PREFIX), headers=headers)
        _seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    ask()


def test_the_calls_got_past_the_door():
    assert sum(_seen.values()) > 100
    assert _seen[200] + _seen[201] + _seen[204] > 20
    assert set(_seen) <= {200, 201, 204, 400, 401, 403, 404, 405}
