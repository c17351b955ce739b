"""What is assumed where the documentation is silent: `assumptions.toml`, and the choice made at the start."""

from __future__ import annotations

import tomllib
from importlib.resources import files


class UnknownAssumptionError(Exception):
    """No assumption, or no alternative, of that name; the sentence names those there are."""


def declared() -> dict[str, dict]:
    """Each assumption by its id: `asks`, `place`, and its `alternatives` by name, the default first."""
    return tomllib.loads((files(__package__) / "assumptions.toml").read_text(encoding="utf-8"))


def chosen(choices: list[str] | tuple[str, ...] = ()) -> dict[str, str]:
    """The alternative in force for each assumption, with choices of the form `id=alternative`."""
    known = declared()
    taken = {name: next(iter(assumption["alternatives"])) for name, assumption in known.items()}
    for choice in choices:
        name, _, alternative = choice.partition("=")
        if name not in known:
            raise UnknownAssumptionError(f"{name!r} is no assumption: there are {', '.join(known)}.")
        if alternative not in known[name]["alternatives"]:
            offered = ", ".join(known[name]["alternatives"])
            raise UnknownAssumptionError(f"{name} has no alternative {alternative!r}: choose of {offered}.")
        taken[name] = alternative
    return taken
