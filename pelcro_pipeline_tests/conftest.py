"""How the tests are handed out."""

import gc

import pytest


def pytest_configure() -> None:
    # As the command line has it: the rest of what is imported is not looked through again and again.
    gc.set_threshold(200_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a server, or runs whole processes, begins first: at the end a worker would be alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
