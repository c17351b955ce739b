"""Tries on a staging site what a load rests on and no documentation says, with a dozen scratch records that it takes back."""

from __future__ import annotations

import asyncio
import datetime
import json
import secrets
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.settings import Environment
from pelcro_pipeline.target.core_api.assumptions import ASSUMPTIONS, LAGS, rested_on
from pelcro_pipeline.target.core_api.client import Answered, Client, Refused, StoppedError
from pelcro_pipeline.target.core_api.plan import CALLS, Summary
from pelcro_pipeline.target.core_api.site import Site
from pelcro_pipeline.workspace import atomic

#: What every scratch record is recognised by: in names, and as a key of a customer's metadata.
SCRATCH = "Migration scratch"
_KEY, _VALUE = "migration_scratch", "yes"
_FILTER = {f"filter[metadata.{_KEY}]": f"eq:{_VALUE}"}
_DAY = 86_400
#: Seconds between two looks at a list that does not show a customer yet; a list that is later by more than the longest lag is given up.
_LOOKS_EVERY, _GIVEN_UP = 0.5, 1.3 * int(LAGS[-1])
#: A bcrypt hash of nothing that anybody uses.
_HASH = "$2y$10$abcdefghijklmnopqrstuuQ6bW5hWmPp6n1xO4c0bN0a1b2c3d4e5"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one assumption."""

    id: str
    alternative: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen of one assumption, of which site and when."""

    seen: Seen
    site: str
    at: str


@dataclass(frozen=True, slots=True)
class Unproven:
    """An assumption that a plan rests on, and why it does not hold yet."""

    id: str
    why: str


def prove(site: Site, told: Callable[[str], None] = lambda line: None) -> list[Seen]:
    """Try every assumption on the staging site, take the scratch records back, and keep what was seen beside the extract.

    Raises RefusedError for a site that is none of staging's, where a scratch record stays, and what a look-up raises.
    """
    if site.name != "staging" or not site.environment.is_site:
        raise RefusedError(
            f"{site.paths.extract} has no staging site to prove anything on: name one under staging in extract.toml."
        )
    with site.held():
        seen = asyncio.run(_proven(site, told))
    _keep(site, seen)
    return seen


def proofs(site: Site) -> dict[str, Proof]:
    """What was seen so far, by the assumption's id. Raises UnusableInputError for a file that cannot be read."""
    path = site.paths.assumptions
    if not path.exists():
        return {}
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Proof(Seen(name, each["seen"], each["evidence"]), each["site"], each["at"])
            for name, each in kept.items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableInputError(
            f"{path.name} cannot be read: delete it, then run `pelcro-pipeline prove {site.paths.extract}`."
        ) from error


def unproven(site: Site, plan: Summary) -> list[Unproven]:
    """The assumptions that the load of a plan rests on and that were not seen to hold on the staging site, by their order of declaration.

    Production refuses while there is one that its sign-off has not accepted by id.
    """
    known, settings = proofs(site), site.settings
    staging = Site(site.paths, "staging", settings).label
    missing = []
    for name in rested_on(kind for kind, counts in plan.counts.items() if any(counts.get(each) for each in CALLS)):
        proof = known.get(name)
        if proof is None or proof.site != staging:
            missing.append(Unproven(name, f"not tried: run `pelcro-pipeline prove {site.paths.extract}`"))
        elif contradiction := ASSUMPTIONS[name].contradiction(proof.seen.alternative, settings):
            missing.append(Unproven(name, f"{proof.seen.evidence}: {contradiction}"))
    return missing


def _keep(site: Site, seen: list[Seen]) -> None:
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with atomic.file(site.paths.assumptions) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.write(
            "# What was seen of the staging site, by `pelcro-pipeline prove`. It is no part of what is signed.\n"
        )
        for each in seen:
            values = {"seen": each.alternative, "evidence": each.evidence, "site": site.label, "at": at}
            file.write(
                f"\n[{each.id}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            )


async def _proven(site: Site, told: Callable[[str], None]) -> list[Seen]:
    async with site.client() as client:
        left = await _taken_back(client, {})
        if left:
            told(f"{left} scratch records of an earlier proof were taken back.")
        scratch = Scratch(client, site.environment)
        try:
            return [each async for each in scratch.tried()]
        finally:
            told(f"{await _taken_back(client, scratch.made)} scratch records were taken back.")


class Scratch:
    """The scratch records of one proof; ``made`` are their ids by the path of their kind."""

    def __init__(self, client: Client, environment: Environment) -> None:
        self._client, self._settle = client, environment.settle
        # Another proof's records may still hold their unique values.
        self._token = secrets.token_hex(4)
        self.made: dict[str, list[int]] = {}

    async def tried(self) -> AsyncIterator[Seen]:
        """What is seen of each assumption, one after the other."""
        for trial in (self._catalogue, self._readers, self._addresses, self._subscriptions, self._ends):
            async for seen in trial():
                yield seen

    async def _catalogue(self) -> AsyncIterator[Seen]:
        described = {"name": SCRATCH, "old_provider_id": self._id("product"), "description": "Taken back in a minute."}
        self._product = await self._made("/products", described)
        takes_fields = isinstance(self._product, Answered)
        if not takes_fields:
            self._product = await self._needed("/products", {"name": SCRATCH})
        takes_fields = takes_fields and self._product.row.get("description") == described["description"]
        yield Seen(
            "fields-of-the-object",
            "accepted" if takes_fields else "refused",
            f"a product's description {'is read back' if takes_fields else 'is not taken'}",
        )
        second = await self._made("/products", {"name": SCRATCH, "old_provider_id": described["old_provider_id"]})
        free = isinstance(second, Answered)
        yield Seen(
            "catalogue-old-id",
            "free" if free else "unique",
            f"a second product with the same old_provider_id is {'taken' if free else 'refused'}",
        )
        self._plan = await self._needed("/plans", self._plan_body("plan", revenue_recognition_type="time"))
        amount = self._plan.row.get("amount")
        yield Seen("plan-amount", "major" if amount == 1500 else "minor", f"a plan of 15.00 is read back as {amount}")
        for word in ("shipments", "shipment_based"):
            body = self._plan_body(word, revenue_recognition_type=word, shipments_per_interval=1)
            if isinstance(await self._made("/plans", body), Answered):
                yield Seen("shipments-word", word, f'a plan by "{word}" is taken')
                break

    async def _readers(self) -> AsyncIterator[Seen]:
        email = f"Scratch-{self._token}@Migration.example"
        body = self._customer_body("reader", email=email) | {"first_name": f" {SCRATCH} ", "phone": "+1 (514) 123-4567"}
        self._reader = await self._needed("/customers", body)
        lag = await self._lag()
        row = self._reader.row
        rewritten = [name for name in ("email", "first_name") if row.get(name) != body[name]]
        yield Seen(
            "rewriting",
            "text" if rewritten else "phone",
            f"{' and '.join(rewritten)} are changed" if rewritten else "emails and names stay as they are sent",
        )
        yield lag
        other = await self._made("/customers", self._customer_body("other", email=email.upper()))
        yield Seen(
            "email-case",
            "sensitive" if isinstance(other, Answered) else "insensitive",
            f"a second email that differs in case is {'taken' if isinstance(other, Answered) else 'refused'}",
        )
        other = await self._made("/customers", self._customer_body("other", email="none"))
        status = str(other.status)
        yield Seen("status-of-invalid", status, f"an email that is none is answered with {status}")
        hashed = self._customer_body("hashed") | {"password": "0" * 32, "password_type": "password_md5"}
        taken = isinstance(await self._made("/customers", hashed), Answered)
        yield Seen(
            "password-type",
            "all" if taken else "bcrypt",
            f"a password of the type md5 is {'taken' if taken else 'refused'}",
        )
        document = await self._client.look_up("/customers", limit=1)
        shape = "bare" if isinstance(document, list) else "links" if "links" in document else "meta"
        yield Seen(
            "list-shape", shape, "the rows stand alone" if shape == "bare" else f"{shape} stands beside the rows"
        )

    async def _lag(self) -> Seen:
        """How long until a list shows the reader."""
        began = time.monotonic()
        identity = self._reader.row["id"]
        while (waited := time.monotonic() - began) < _GIVEN_UP:
            rows = [row async for row in self._client.rows("/customers", **_FILTER)]
            if any(row["id"] == identity for row in rows):
                break
            await asyncio.sleep(_LOOKS_EVERY)
        seconds = "none" if waited < 1 else next((each for each in LAGS if waited < 1.3 * int(each)), "longer")
        shown = "at once" if seconds == "none" else f"after {waited:.0f} seconds"
        return Seen(
            "list-lag", seconds, f"a list shows a new customer {shown if seconds != 'longer' else 'later still'}"
        )

    async def _addresses(self) -> AsyncIterator[Seen]:
        body = {
            "customer_id": self._reader.row["id"],
            "type": "shipping",
            "line1": "12 Bay Road",
            "city": "Halifax",
            "state": "NS",
            "country": "CA",
            "postal_code": "B3H 4R2",
        }
        address = await self._needed("/addresses", body | {"old_provider_id": self._id("address")})
        kind = address.row.get("type")
        yield Seen(
            "address-type", "word" if kind == "shipping" else "number", f"the type shipping is read back as {kind}"
        )
        away = body | {"state": "NSW", "country": "AU", "postal_code": "2000", "old_provider_id": self._id("away")}
        taken = isinstance(await self._made("/addresses", away), Answered)
        yield Seen(
            "state-letters",
            "us-ca" if taken else "all",
            f"the state NSW of Australia is {'taken' if taken else 'refused'}",
        )
        path, identity = f"/customers/{self._reader.row['id']}", address.row["id"]
        ways = {"brackets": {"expand[]": "addresses"}, "commas": {"expand": "addresses"}}
        for way, query in ways.items():
            row = await self._client.object(path, **query) or {}
            if any(isinstance(each, dict) and each["id"] == identity for each in row.get("addresses") or ()):
                yield Seen("expand", way, f"{next(iter(query))}=addresses shows a customer's addresses")
                return
        yield Seen("expand", "none", "related objects are shown by their ids alone")

    async def _subscriptions(self) -> AsyncIterator[Seen]:
        body = {
            "user_id": self._reader.row["id"],
            "plan_id": self._plan.row["id"],
            "quantity": 1,
            "collection_method": "send_invoice",
            "current_period_end": int(time.time()) + 40 * _DAY,
        }
        for shape, metadata in (("array", [{_KEY: _VALUE}]), ("object", {_KEY: _VALUE})):
            made = await self._made("/subscriptions", body | {"metadata": metadata})
            if isinstance(made, Answered) and (made.row.get("metadata") or {}).get(_KEY) == _VALUE:
                yield Seen("subscription-metadata", shape, f"metadata that is sent as an {shape} is read back")
                break
        paid = made if isinstance(made, Answered) else await self._needed("/subscriptions", body)
        invoiced = paid.row.get("latest_invoice") is not None
        yield Seen(
            "paid-not-invoiced",
            "invoices" if invoiced else "nothing",
            f"a subscription whose period has 40 days to go has {'an' if invoiced else 'no'} invoice",
        )
        old_id = {"old_provider_id": self._id("subscription")}
        made = await self._made("/subscriptions", body | old_id)
        alternative = "refused" if not isinstance(made, Answered) else "accepted"
        if alternative == "accepted" and made.row.get("old_provider_id") is not None:
            alternative = "unique"
        yield Seen("subscription-old-id", alternative, f"a subscription's old_provider_id is {_OLD_ID[alternative]}")
        made = await self._made("/subscriptions", body | {"start_date": int(time.time()) - 40 * _DAY})
        taken = isinstance(made, Answered)
        yield Seen(
            "start-in-the-past",
            "taken" if taken else "refused",
            f"a start 40 days ago is {'taken' if taken else 'refused'}",
        )
        gift = await self._needed("/subscriptions", body | {"is_gift_donor": True, "auto_renew": True})
        renews = bool(gift.row.get("auto_renew"))
        yield Seen(
            "gift-donor",
            "as-given" if renews else "ends",
            f"a donor's subscription that is to renew {'does' if renews else 'ends with its period'}",
        )

    async def _ends(self) -> AsyncIterator[Seen]:
        deleted = await self._client.call("DELETE", f"/plans/{self._plan.row['id']}")
        refused = isinstance(deleted, Refused)
        yield Seen(
            "delete-in-use",
            "refused" if refused else "deletes",
            f"a plan that a subscription uses is {'kept' if refused else 'deleted'}",
        )
        body = self._customer_body("deleted")
        first = await self._needed("/customers", body)
        await self._client.call("DELETE", f"/customers/{first.row['id']}")
        free = isinstance(await self._made("/customers", body), Answered)
        yield Seen(
            "unique-after-delete",
            "free" if free else "held",
            f"the email of a customer who was deleted is {'free again' if free else 'taken'}",
        )

    # What is sent.

    def _id(self, name: str) -> str:
        return f"scratch-{self._token}-{name}"

    def _customer_body(self, name: str, email: str | None = None) -> dict[str, object]:
        return {
            "email": email or f"{self._id(name)}@migration.example",
            "old_provider_id": self._id(name),
            "first_name": SCRATCH,
            "last_name": name,
            "metadata": {_KEY: _VALUE},
            "skip_email_dns_validations": True,
        }

    def _plan_body(self, name: str, **more: object) -> dict[str, object]:
        return {
            "product_id": self._product.row["id"],
            "nickname": f"{SCRATCH}, {name}",
            "old_provider_id": self._id(name),
            "auto_renew": True,
            "amount": 15.00,
            "currency": "usd",
            "interval": "month",
            "interval_count": 1,
            "available_online": False,
            "allow_refunds": False,
            "trial_period_days": 0,
        } | more

    async def _made(self, path: str, body: Mapping[str, object]) -> Answered | Refused:
        outcome = await self._client.call("POST", path, json.dumps(body).encode())
        if isinstance(outcome, Answered):
            self.made.setdefault(path, []).append(outcome.row["id"])
        elif not isinstance(outcome, Refused):
            raise StoppedError(
                f"The site did not answer a scratch record ({outcome.why}): run the same command again, which takes back what it left."
            )
        return outcome

    async def _needed(self, path: str, body: Mapping[str, object]) -> Answered:
        """What later trials need. Raises StoppedError where the site refuses it."""
        outcome = await self._made(path, body)
        if isinstance(outcome, Refused):
            # What it says is of records that nobody is in.
            reasons = "; ".join(f"{name}: {', '.join(said)}" for name, said in outcome.errors.items())
            raise StoppedError(
                f"The site refuses a scratch record of {path} ({outcome.status} {reasons}): nothing could be proven."
            )
        return outcome


_OLD_ID = {"accepted": "taken", "unique": "taken and given back", "refused": "refused"}


# What is taken back.


async def _taken_back(client: Client, made: Mapping[str, list[int]]) -> int:
    """Delete the scratch records that are found, and those that are known; returns how many there were.

    Raises RefusedError where one stays.
    """
    customers = set(made.get("/customers", ()))
    # A site that does not know the filter answers with all customers.
    customers |= {row["id"] async for row in client.rows("/customers", **_FILTER) if _is_scratch(row)}
    listed = {
        "/plans": {row["id"] async for row in client.rows("/plans") if str(row.get("nickname")).startswith(SCRATCH)},
        "/products": {row["id"] async for row in client.rows("/products") if row.get("name") == SCRATCH},
    }
    count = 0
    for identity in sorted(customers):
        count += await _deleted(client, f"/customers/{identity}", voiding=True)
    for path, found in listed.items():
        for identity in sorted(found | set(made.get(path, ()))):
            count += await _deleted(client, f"{path}/{identity}")
    return count


def _is_scratch(row: Mapping[str, object]) -> bool:
    metadata = row.get("metadata")
    return isinstance(metadata, dict) and _KEY in metadata


async def _deleted(client: Client, path: str, *, voiding: bool = False) -> bool:
    """Delete one record with all that hangs on it; returns whether it was there."""
    row = await client.object(path)
    if row is None or row.get("deleted_at") is not None:
        return False
    for each in row.get("subscriptions") or () if voiding else ():
        subscription = await client.object(f"/subscriptions/{each}")
        if subscription and subscription.get("latest_invoice") is not None:
            await client.call("POST", f"/invoices/{subscription['latest_invoice']}/void")
    if not isinstance(await client.call("DELETE", path), Answered):
        raise RefusedError(
            f"The scratch record {path} could not be taken back: run the same command again, or delete it on the staging site."
        )
    return True
