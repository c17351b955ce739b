"""How an object of ours is found again on a site: by its mark, through what the API documents, and never by chance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from pelcro_pipeline.target.core_api.client import Client
from pelcro_pipeline.target.core_api.mapping import MARK, METADATA, Kind


async def found(client: Client, kind: Kind, mark: str, body: Mapping[str, object]) -> list[dict]:
    """The rows of a site that have an object's mark: none, one, or more where it stands there twice.

    ``body`` is what was sent, its references by their ids. Raises what a look-up raises.
    """
    rows = await _candidates(client, kind, mark, body)
    return [row for row in {row["id"]: row for row in rows}.values() if is_marked(kind, mark, body, row)]


def is_marked(kind: Kind, mark: str, body: Mapping[str, object], row: Mapping[str, object]) -> bool:
    """Whether a row of the site is the object with this mark, which was sent as ``body``."""
    if kind.mark_in == METADATA + MARK:
        metadata = row.get("metadata")
        return isinstance(metadata, dict) and metadata.get(MARK) == mark
    return row.get(kind.mark_in) == body.get(kind.mark_in)


async def _candidates(client: Client, kind: Kind, mark: str, body: Mapping[str, object]) -> list[dict]:
    """Rows among which those with the mark are."""
    match kind.name:
        case "customer" | "invoice":
            return [row async for row in client.rows(kind.path, **{f"filter[{METADATA}{MARK}]": f"eq:{mark}"})]
        case "address":
            return await _related(client, "addresses", body["customer_id"])
        case "subscription":
            return await _related(client, "subscriptions", body["user_id"])
        case "source":
            return await _related(client, "default_source", body["customer_id"], "sources", "default_source_id")
        case "membership":
            query = {
                "filter[subscription_id]": f"eq:{body['subscription_id']}",
                "filter[user_id]": f"eq:{body['customer_id']}",
            }
            return [row async for row in client.rows(kind.path, **query)]
        case _:
            # Products and plans are few.
            return [row async for row in client.rows(kind.path)]


async def _related(client: Client, name: str, customer: object, path: str = "", by: str = "") -> list[dict]:
    """What a customer's object names: expanded where the site does that, else asked for by id."""
    row = await client.object(f"/customers/{customer}", **{"expand[]": name})
    related = (row or {}).get(name)
    if not related and by:
        related = (row or {}).get(by)
    listed = related if isinstance(related, list) else [related]
    rows = [each for each in listed if isinstance(each, dict)]
    asked = (client.object(f"/{path or name}/{each}") for each in listed if type(each) is int)
    return rows + [each for each in await asyncio.gather(*asked) if each is not None]


def with_ids(body: str, ids: Mapping[str, int]) -> bytes:
    """A call's body with the ids of what it refers to."""
    return json.dumps(json.loads(body) | ids, ensure_ascii=False, separators=(",", ":")).encode()
