"""A site as it stands: every row that its lists answer, and those that were loaded and no list shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target.core_api.client import PAGE, Client
from pelcro_pipeline.target.core_api.mapping import Kind

#: Lists have no cursor, and rows move while they are read: passes until two see the same, at most.
_PASSES = 3
#: The lists that the API sorts by id.
_SORTED = {"customer", "plan", "invoice"}
#: Pages that are asked for together.
_TOGETHER = 8


async def read(
    client: Client,
    kinds: Iterable[Kind],
    loaded: Mapping[str, Collection[int]],
    folder: Path,
    seen: Callable[[str, int], None] = lambda kind, rows: None,
) -> dict[str, str]:
    """Write every row of a site into ``folder``, one file a kind, and return SQL of ``row`` (its JSON) by kind.

    ``loaded`` are ids that are known to have been there: those that no list shows are asked for by themselves. ``seen`` is told
    of the progress. Raises what a look-up raises.
    """
    return {kind.name: await _read(client, kind, loaded.get(kind.name, ()), folder, seen) for kind in kinds}


async def _read(
    client: Client, kind: Kind, loaded: Collection[int], folder: Path, seen: Callable[[str, int], None]
) -> str:
    path = folder / f"{kind.name}.ndjson"
    before: set[int] | None = None
    # What one pass has seen and the last has not is gone, or has moved from a page to one that was read already.
    known = set(loaded)
    for _ in range(_PASSES):
        ids = await _pass(client, kind, path, seen)
        if ids == before:
            break
        before = ids
        known |= ids
    missing = sorted(known - ids)
    with path.open("a", encoding="utf-8") as file:
        for first in range(0, len(missing), _TOGETHER):
            asked = (client.object(f"{kind.path}/{each}") for each in missing[first : first + _TOGETHER])
            for row in await asyncio.gather(*asked):
                if row is not None and row.get("deleted_at") is None:
                    file.write(json.dumps(row) + "\n")
    return f"SELECT json AS row FROM read_ndjson_objects({literal(str(path))}, format = 'newline_delimited', maximum_object_size = 8000000)"


async def _pass(client: Client, kind: Kind, path: Path, seen: Callable[[str, int], None]) -> set[int]:
    """Read the whole list once; each id counts once."""
    ids: set[int] = set()
    sort = {"sort": "id"} if kind.name in _SORTED else {}
    first = 1
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        while True:
            pages = (client.page(kind.path, first + each, **sort) for each in range(together(first)))
            found = await asyncio.gather(*pages)
            for row in (row for page in found for row in page):
                if type(row.get("id")) is int and row["id"] not in ids:
                    ids.add(row["id"])
                    file.write(json.dumps(row) + "\n")
            seen(kind.name, len(ids))
            if any(len(page) < PAGE for page in found):
                return ids
            first += len(found)


def together(first: int) -> int:
    """One page, then two, then more: a short list costs no call beyond its end."""
    return min(first, _TOGETHER)
