"""How fast a site is called: one clock for all connections, which the site's own answers set.

A library would retry a function: here each repetition goes through the journal, and what waits is the whole load.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
import time
from collections import deque

from pelcro_pipeline.errors import RefusedError

#: Spread evenly, and a little slower than the limit: what a jitter brings too early would else be one too many.
_SLACK = 0.97
#: Calls in flight, where no rate says how many are worth it.
_UNPACED = 16
_MOST_CONNECTIONS = 64
#: Seconds: what is waited without being told, doubled up to the second; beyond the third nobody waits at a screen.
_FIRST_WAIT, _LONGEST_GUESS, _LONGEST_WAIT = 1.0, 60.0, 900.0
#: A rate that was cut rises by this share in so many seconds, up to what was refused last.
_RISE, _RISE_EVERY, _CEILING_FOR = 1.02, 10.0, 300.0


class Pace:
    """The clock. ``rate`` is calls a second, 0 for no limit of ours; ``connections`` the most in flight, where that is set."""

    def __init__(self, rate: float, connections: int | None = None) -> None:
        self._set = rate or math.inf
        self._rate = self._set
        self._connections = connections
        self._next = 0.0
        self._waits = 0
        self._cut_at = 0.0
        self._raised_at = 0.0
        self._ceiling = math.inf
        self._sent: deque[float] = deque(maxlen=10_000)
        self._in_flight = 0
        self._free = asyncio.Condition()
        self._halved = 1
        self._jitter = random.Random()
        #: Seconds that a call takes, smoothed; and what was counted.
        self.latency = 0.05
        self.calls = 0
        self.limited = 0

    @property
    def rate(self) -> float:
        """Calls a second, as they are spread now."""
        return self._rate

    @property
    def connections(self) -> int:
        """How many calls may be in flight: rate times latency, and some more, for what waits for the disk."""
        if self._connections is not None:
            most = self._connections
        elif math.isinf(self._rate):
            most = _UNPACED
        else:
            most = math.ceil(self._rate * (self.latency + 0.05) * 1.5) + 1
        return max(1, min(most, _MOST_CONNECTIONS) // self._halved)

    async def enter(self) -> None:
        """Take a place among the calls in flight."""
        async with self._free:
            await self._free.wait_for(lambda: self._in_flight < self.connections)
            self._in_flight += 1

    async def leave(self) -> None:
        """Give it back."""
        async with self._free:
            self._in_flight -= 1
            self._free.notify_all()

    async def turn(self) -> None:
        """Wait for the next moment at which a call may leave."""
        while True:
            now = time.monotonic()
            if now >= self._next:
                break
            await asyncio.sleep(self._next - now)
        self._rise(now)
        gap = 0.0 if math.isinf(self._rate) else 1 / (self._rate * _SLACK)
        # What was missed is not made up for: a burst would be over the limit.
        self._next = max(self._next, now - gap) + gap
        self._sent.append(now)
        self.calls += 1

    def answered(self, seconds: float) -> None:
        """A call was answered, after so many seconds."""
        self.latency += 0.05 * (seconds - self.latency)
        self._waits = 0

    def refused(self, retry_after: str | None) -> None:
        """The site has answered 429: everything waits for what it says, or else for longer each time.

        Raises RefusedError where it says more than 15 minutes.
        """
        self.limited += 1
        now = time.monotonic()
        told = _seconds(retry_after)
        if told is not None and told > _LONGEST_WAIT:
            raise RefusedError(
                f"The site asks to come back in {math.ceil(told / 60):,} minutes: run the same command again then; "
                "what was done stands in the journal."
            )
        if now < self._next and self._next - now > 0.5:
            # Others that were in flight are told the same.
            return
        if told is None or told <= 0:
            told = min(_FIRST_WAIT * 2**self._waits, _LONGEST_GUESS) * self._jitter.uniform(0.8, 1.2)
        self._waits += 1
        recent = sum(sent > now - 1.0 for sent in self._sent)
        if now - self._cut_at > 1.0:
            self._ceiling = min(self._rate, max(float(recent), 1.0))
            self._rate = max(0.2, self._ceiling * 0.95)
            self._cut_at = self._raised_at = now
        self._next = max(self._next, now + told)

    def halve(self) -> None:
        """Half the connections: the site does not answer."""
        self._halved = min(self._halved * 2, _MOST_CONNECTIONS)

    def recover(self) -> None:
        """It answers again."""
        self._halved = 1

    def _rise(self, now: float) -> None:
        if self._rate >= self._set or now - self._raised_at < _RISE_EVERY:
            return
        self._raised_at = now
        ceiling = self._set if now - self._cut_at > _CEILING_FOR else min(self._set, self._ceiling)
        self._rate = max(self._rate, min(self._rate * _RISE, ceiling))


def _seconds(retry_after: str | None) -> float | None:
    """What a Retry-After says, in seconds from now; nothing where it says nothing that can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at.timestamp() - time.time()
