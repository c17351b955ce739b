"""How an object of ours is found again on a site: by its mark, through what the API documents, and never by chance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from pelcro_pipeline.target.core_api.client import Client, StoppedError
from pelcro_pipeline.target.core_api.mapping import MARK, METADATA, UNDONE, Kind

#: Kinds that are found through a list, which may show a row later than the site has it.
LISTED = ("product", "plan", "customer", "membership", "invoice")
#: What was taken back stays as a row; beside a live one it is no second one.
TAKEN_BACK = ("canceled", "void")


async def found(
    client: Client, kind: Kind, mark: str, body: Mapping[str, object], besides: int | None = None
) -> list[dict]:
    """The rows of a site that have an object's mark: none, one, or more where it stands there twice.

    ``body`` is what was sent, its references by their ids; ``besides`` the id of a row that was taken back before it was sent.
    Raises what a look-up raises, and StoppedError where its customer has gone.
    """
    candidates = {
        row["id"]: row for row in await _candidates(client, kind, mark, body) if row.get("cancel_reason") != UNDONE
    }
    rows = [row for row in candidates.values() if row["id"] != besides and is_marked(kind, mark, body, row)]
    live = [row for row in rows if row.get("status") not in TAKEN_BACK]
    return live or rows[:1]


def is_marked(kind: Kind, mark: str, body: Mapping[str, object], row: Mapping[str, object]) -> bool:
    """Whether a row of the site is the object with this mark, which was sent as ``body``."""
    if kind.mark_in == METADATA + MARK:
        metadata = row.get("metadata")
        return isinstance(metadata, dict) and metadata.get(MARK) == mark
    return row.get(kind.mark_in) == body.get(kind.mark_in)


async def _candidates(client: Client, kind: Kind, mark: str, body: Mapping[str, object]) -> list[dict]:
    """Rows among which those with the mark are."""
    match kind.name:
        case "customer":
            return await _listed(client, kind, **_by_mark(mark))
        case "invoice":
            return await _listed(client, kind, **_by_mark(mark)) + await _latest_invoice(client, body)
        case "address" | "subscription":
            customer = body["customer_id" if kind.name == "address" else "user_id"]
            related = await _related(client, kind.path.removeprefix("/"), customer)
            return await _listed(client, kind) if related is None else related
        case "membership":
            group, member = body["subscription_id"], body["customer_id"]
            return await _listed(
                client, kind, **{"filter[subscription_id]": f"eq:{group}", "filter[user_id]": f"eq:{member}"}
            )
        case _:
            # Products and plans are few; a customer's source need not be the default any more.
            return await _listed(client, kind)


def _by_mark(mark: str) -> dict[str, str]:
    return {f"filter[{METADATA}{MARK}]": f"eq:{mark}"}


async def _listed(client: Client, kind: Kind, **query: object) -> list[dict]:
    return [row async for row in client.rows(kind.path, **query)]


async def _related(client: Client, name: str, customer: object) -> list[dict] | None:
    """What a customer's object names: expanded where the site does that, else asked for by id; nothing where it names none of these."""
    row = await client.object(f"/customers/{customer}", **{"expand[]": name})
    if row is None:
        raise StoppedError(
            f"The site does not have the customer {customer} any more, who was loaded: nothing more is sent. "
            "Ask who has deleted it, then plan again."
        )
    related = row.get(name)
    if not isinstance(related, list):
        return None
    rows = [each for each in related if isinstance(each, dict)]
    asked = (client.object(f"/{name}/{each}") for each in related if type(each) is int)
    return rows + [each for each in await asyncio.gather(*asked) if each is not None]


async def _latest_invoice(client: Client, body: Mapping[str, object]) -> list[dict]:
    """The latest invoice of its subscription: it is there before a list shows it."""
    row = await client.object(f"/subscriptions/{body['subscription_id']}") or {}
    latest = row.get("latest_invoice")
    if type(latest) is int:
        latest = await client.object(f"/invoices/{latest}")
    return [latest] if isinstance(latest, dict) else []


def with_ids(body: str, ids: Mapping[str, int]) -> bytes:
    """A call's body with the ids of what it refers to."""
    return json.dumps(json.loads(body) | ids, ensure_ascii=False, separators=(",", ":")).encode()
