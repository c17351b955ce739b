"""How the tests are handed out."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a server, or runs whole processes, begins first: at the end a worker would be alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
