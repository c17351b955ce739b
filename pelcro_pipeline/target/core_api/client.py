"""The only room that knows HTTP: one call, and what of it can be known.

A call with an effect has four ends: it was answered, it was refused, nobody knows, or nothing must be sent any more, which raises.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlencode

import httpx2

from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.settings import Environment
from pelcro_pipeline.target.core_api.pace import Pace

#: Bytes of an answer that are read: a page of a hundred customers is a fiftieth of it.
_LARGEST = 8_000_000
#: Rows of a page: the most that is documented.
PAGE = 100
_FEWEST_SECONDS, _MOST_SECONDS = 2.0, 60.0
#: An answer that trickles is read for so many times the seconds after which one that stands still is given up.
_TRICKLES = 4
#: How often a look-up is repeated, and the seconds between.
_LOOK_UPS, BETWEEN = 8, (0.2, 0.5, 1, 2, 4, 8, 15)


class StoppedError(RefusedError):
    """Nothing more may be sent: the key, the host or the site itself says no."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call had its effect, and this is the object: nothing for a deletion."""

    status: int
    row: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The call had none. ``errors`` is what the site says by field, and may quote a reader."""

    status: int
    errors: Mapping[str, list[str]]

    @property
    def is_missing(self) -> bool:
        """Whether there is no such object."""
        return self.status in (404, 410) and not self.errors


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether it had one is not known; ``why`` quotes nothing."""

    why: str


Outcome = Answered | Refused | Unknown


def key_of(environment: Environment) -> str:
    """The key that the environment variable holds. Raises UnusableInputError where it is not set."""
    key = os.environ.get(environment.key, "").strip()
    if not key:
        raise UnusableInputError(
            f"{environment.key} is not set: put the site's API key into this environment variable."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UnusableInputError(f"{environment.key} does not hold an API key: it has characters that none has.")
    return key


class Client:
    """Connections to one site, paced together."""

    def __init__(self, environment: Environment, key: str, pace: Pace) -> None:
        self._environment, self._key, self.pace = environment, key, pace
        # Their INFO line has the whole URL.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._seconds = min(max(environment.settle, _FEWEST_SECONDS), _MOST_SECONDS)
        # Of one connection each, the last used first: a pool looks at every idle one at each call, a sixth of a call's CPU.
        self._idle: list[httpx2.AsyncClient] = []
        self._tls = ssl.create_default_context()
        #: Why nothing may be sent any more: others wait for their turn when it is found out.
        self._stopped: StoppedError | None = None
        #: Seconds that the site's clock is ahead of ours, by its last answer.
        self.clock_ahead: float | None = None

    def _opened(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers={
                "Authorization": f"Bearer {self._key}",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "pelcro-pipeline",
            },
            timeout=httpx2.Timeout(self._seconds, connect=10, pool=None),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30),
            verify=self._tls,
            # A .netrc would replace the key.
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for http in self._idle:
            await http.aclose()

    # Calls with an effect.

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        leaving: Callable[[], Awaitable[None]] | None = None,
        **query: object,
    ) -> Outcome:
        """One call, sent once; again only where the site says that it has not even looked at it (429).

        ``leaving`` is awaited each time right before its bytes leave. Raises StoppedError where nothing may be sent any more, and
        NotSentError where the site has not taken it.
        """
        while True:
            left = await self.pace.turn()
            if leaving is not None:
                await leaving()
            self._refuse_to_go_on()
            try:
                status, content, headers = await self._sent(method, path, body, query)
            except httpx2.HTTPError as error:
                self.pace.lost()
                return Unknown(type(error).__name__)
            if status == 429:
                self.pace.refused(left, headers.get("retry-after"))
                continue
            self.pace.answered(left)
            outcome = self._judged(method, status, content)
            if isinstance(outcome, Unknown):
                self.pace.lost()
            return outcome

    def _stop(self, sentence: str) -> StoppedError:
        self._stopped = StoppedError(sentence)
        return self._stopped

    def _refuse_to_go_on(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def _sent(
        self, method: str, path: str, body: bytes | None, query: Mapping[str, object]
    ) -> tuple[int, bytes | None, httpx2.Headers]:
        """Status, body and headers; no body where it is too large, or does not come to an end. Raises StoppedError where the site's
        certificate does not hold."""
        words = urlencode({"site_id": self._environment.site} | query, doseq=True)
        http = self._idle.pop() if self._idle else self._opened()
        try:
            request = http.build_request(method, f"{self._environment.url}{path}?{words}", content=body)
            return await self._received(await http.send(request, stream=True))
        except httpx2.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(error):
                raise self._stop(
                    f"The certificate of {self._environment.url} does not hold: nothing more is sent. Ask Pelcro."
                ) from None
            raise
        finally:
            self._idle.append(http)

    async def _received(self, response: httpx2.Response) -> tuple[int, bytes | None, httpx2.Headers]:
        until = time.monotonic() + _TRICKLES * self._seconds
        try:
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _LARGEST or time.monotonic() > until:
                    return response.status_code, None, response.headers
            if date := response.headers.get("date"):
                self._tell_time(date)
            return response.status_code, bytes(content), response.headers
        finally:
            await response.aclose()

    def _tell_time(self, date: str) -> None:
        try:
            self.clock_ahead = email.utils.parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, TypeError):
            return

    def _judged(self, method: str, status: int, content: bytes | None) -> Outcome:
        if status in (401, 403):
            raise self._stop(
                f"The site does not accept the key of {self._environment.key} ({status}): nothing more is sent. "
                "Put a key that is valid for this site into the variable, then run the same command again."
            )
        if 300 <= status < 400:
            raise self._stop(
                f"{self._environment.url} answers with a redirect ({status}), and none is followed: nothing more is sent. "
                "Check url in extract.toml."
            )
        if status >= 500 or status == 408 or content is None:
            return Unknown(f"HTTP {status}" if content is not None else "an answer without an end")
        document = _parsed(content)
        if status >= 400:
            if not isinstance(document, dict) and not (status == 404 and method == "POST"):
                # Something on the way has answered, and not the site.
                return Unknown(f"HTTP {status}")
            errors = document.get("errors") if isinstance(document, dict) else None
            return Refused(status, _by_field(errors) if errors else {})
        if method == "DELETE" and not content.strip():
            return Answered(status, None)
        row = document.get("data", document) if isinstance(document, dict) else None
        if not isinstance(row, dict) or type(row.get("id")) is not int:
            return (
                Answered(status, None)
                if method == "DELETE" and document is not None
                else Unknown("an unreadable answer")
            )
        return Answered(status, row)

    # Look-ups: reading has no effect, and is asked again.

    async def look_up(
        self, path: str, read: Callable[[object], object | None] = lambda document: document, **query: object
    ) -> object | None:
        """What a look-up answers; nothing where there is no such object.

        ``read`` is given its JSON, and answers nothing for what is none of the form that is asked for: what a proxy or a site in
        trouble says with a 200 is no proof that an object is not there. Raises StoppedError where the site does not answer,
        and what ``call`` raises.
        """
        attempt = 0
        while attempt < _LOOK_UPS:
            left = await self.pace.turn()
            self._refuse_to_go_on()
            try:
                status, content, headers = await self._sent("GET", path, None, query)
            except httpx2.HTTPError as error:
                why = type(error).__name__
            else:
                if status == 429:
                    # It was not even looked at: no attempt.
                    self.pace.refused(left, headers.get("retry-after"))
                    continue
                self.pace.answered(left)
                document = None if content is None else _parsed(content)
                if status == 200 and (answer := read(document)) is not None:
                    return answer
                if status in (401, 403) or 300 <= status < 400:
                    self._judged("GET", status, content)
                if status in (404, 410) and isinstance(document, dict):
                    return None
                why = f"HTTP {status}" if status != 200 else "an unreadable answer"
            self.pace.lost()
            await asyncio.sleep(BETWEEN[min(attempt, len(BETWEEN) - 1)])
            attempt += 1
        raise self._stop(
            f"{self._environment.url} does not answer a look-up ({why}, {_LOOK_UPS} times): nothing more is sent. "
            "Run the same command again when it does; what was done stands in the journal."
        )

    async def object(self, path: str, **query: object) -> dict | None:
        """One object, or nothing where there is none."""
        own = path.rpartition("/")[2]

        def read(document: object) -> dict | None:
            row = document.get("data", document) if isinstance(document, dict) else None
            return row if isinstance(row, dict) and str(row.get("id")) == own else None

        return await self.look_up(path, read, **query)

    async def page(self, path: str, page: int, **query: object) -> list[dict]:
        """The rows of one page of a list, whatever stands around them. Raises StoppedError where there is no such list."""
        rows = await self.look_up(path, _rows, page=page, limit=PAGE, **query)
        if rows is None:
            raise self._stop(
                f"{self._environment.url}{path} is no list: nothing is sent. Check url in extract.toml, and what the account may read."
            )
        return rows

    async def rows(self, path: str, **query: object) -> AsyncIterator[dict]:
        """The rows of a list, page by page, as they stand while it is read."""
        page = 1
        while True:
            found = await self.page(path, page, **query)
            for row in found:
                yield row
            if len(found) < PAGE:
                return
            page += 1


def _parsed(content: bytes) -> object | None:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _rows(document: object) -> list[dict] | None:
    """The rows of a page, whatever stands around them; nothing for what is no page."""
    rows = document.get("data") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) and type(row.get("id")) is int for row in rows):
        return None
    return rows


def _by_field(errors: object) -> dict[str, list[str]]:
    if not isinstance(errors, dict):
        return {"": [str(errors)]}
    return {
        str(field): [str(each) for each in said] if isinstance(said, list) else [str(said)]
        for field, said in errors.items()
    }
