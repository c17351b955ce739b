"""How the tests are handed out, and the sandbox that many of them load into."""

import gc
from collections.abc import Iterator

import pytest

from pelcro_pipeline_tests import api


def pytest_configure() -> None:
    # As the command line has it: the rest of what is imported is not looked through again and again.
    gc.set_threshold(200_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file whose tests take minutes begins first: at the end a worker would be alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.Sandbox]:
    with api.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def empty_sandbox(shared_sandbox: api.Sandbox) -> api.Sandbox:
    """A sandbox whose sites are empty, without faults, limit and latency."""
    for name in shared_sandbox.sites:
        shared_sandbox.asked("DELETE", f"/content/{name}")
    shared_sandbox.asked("DELETE", "/faults")
    shared_sandbox.asked("POST", "/pace", {"rate": None, "latency": [0, 0]})
    return shared_sandbox
