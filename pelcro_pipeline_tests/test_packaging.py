"""What is imported is declared, and pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pelcro_pipeline

PACKAGE = Path(pelcro_pipeline.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def folded(name: str) -> str:
    """A distribution's name, as every spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def imported(folder: Path) -> set[str]:
    """The packages that a folder's modules import, wherever in them."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return (
        names - set(sys.stdlib_module_names) - {"pelcro_pipeline", "pelcro_pipeline_tests", "pelcro_sandbox", "peers"}
    )


def distributions(names: set[str]) -> set[str]:
    """What has to be installed for them."""
    known = packages_distributions()
    return {folded(known[name][0]) for name in names if name in known}


RUNS_ON = {folded(each) for each in PROJECT["dependencies"]}
EXTRAS = {name: {folded(each) for each in needed} for name, needed in PROJECT["optional-dependencies"].items()}


def test_what_the_package_imports_is_declared():
    assert distributions(imported(PACKAGE)) - RUNS_ON == set()


def test_what_the_tests_import_is_declared():
    assert distributions(imported(ROOT / "pelcro_pipeline_tests")) - RUNS_ON - EXTRAS["dev"] - EXTRAS["deploy"] == set()


def test_what_the_benchmarks_import_is_declared():
    assert distributions(imported(ROOT / "benchmarks")) - RUNS_ON - EXTRAS["bench"] == set()


def test_all_that_is_declared_is_pinned():
    pins = {folded(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert (RUNS_ON | EXTRAS["dev"]) - pins == set()
