"""How fast a site is called: one clock for all connections, which the site's own answers set.

A library would retry a function: here each repetition goes through the journal, and what waits is the whole load.
"""

from __future__ import annotations

import asyncio
import bisect
import datetime
import email.utils
import math
import random
import time
from collections import deque
from dataclasses import dataclass

from pelcro_pipeline.errors import RefusedError

#: No second has more calls than the limit, and it is counted a little long: what a jitter brings too early would else be one too many.
_SLACK = 0.97
#: Seconds that are made up for, where a call has left late: a busy machine wakes by milliseconds too late, 200 times a second.
_CATCH_UP = 0.25
#: Calls in flight, where no rate says how many are worth it.
_UNPACED = 12
_MOST_CONNECTIONS = 64
#: Seconds: what is waited without being told, doubled up to the second; beyond the third nobody waits at a screen.
_FIRST_WAIT, _LONGEST_GUESS, _LONGEST_WAIT = 1.0, 60.0, 900.0
#: Seconds: a site that asks for more than these counts its calls by a longer time than a second.
_LONG_WINDOW = 2.0
#: A rate that was cut rises by this share in so many seconds; for so many, no further than to what the site has taken.
_RISE, _RISE_EVERY, _CEILING_FOR = 1.01, 2.0, 60.0
#: What the rate is cut to, where the site refuses what it has taken so far; and what it rises to then, and no further.
_CUT, _CEILING = 0.96, 0.99
#: Two refusals agree on a limit where what was taken before them differs by no more than this share.
_AGREES = 0.2
#: Of how many calls it is remembered when they left.
_REMEMBERED = 10_000
#: How many calls have to be taken before a long wait tells of a limit.
_TELLING = 30
#: Calls a second that are tried in any case.
_SLOWEST = 0.2
#: Seconds between two calls that are a pause of ours, and no part of the pace.
_PAUSE = 1.0
#: Seconds that a load which is stopped still waits for.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a site has shown of itself: ``calls`` that it took in ``seconds``, pauses of ours aside.

    ``spread`` is the standard deviation of the calls of a second, as a share of their mean; ``latency`` the seconds of a call;
    ``unanswered`` how many had no answer; ``rate`` the calls a second that were allowed, 0 for no limit.
    """

    calls: int
    seconds: float
    spread: float
    latency: float
    unanswered: int
    rate: float

    @property
    def calls_a_second(self) -> float:
        return self.calls / max(self.seconds, 0.001)

    @property
    def sentence(self) -> str:
        """One line of it."""
        return (
            f"Measured on {self.calls:,} calls: {self.calls_a_second:,.1f} a second, {self.latency * 1000:,.0f} ms each, "
            f"{self.unanswered:,} without an answer."
        )


class NotSentError(RefusedError):
    """The site has not taken a call, and it is not to be sent again now."""


class Pace:
    """The clock. ``rate`` is calls a second, 0 for no limit of ours; ``connections`` the most in flight, where that is set."""

    def __init__(self, rate: float, connections: int | None = None) -> None:
        self._set = rate or math.inf
        self._rate = self._set
        self._connections = connections
        #: Moments of the monotonic clock: when the next call may leave, since when the site takes calls again, when it refused last.
        self._next = self._since = 0.0
        self._cut_at = self._raised_at = -math.inf
        self._ceiling = math.inf
        self._taken_before = math.inf
        self._waits = 0
        #: When each call left that was not refused, the last of them.
        self._sent: deque[float] = deque(maxlen=_REMEMBERED)
        self._taken_since = 0
        self._turn = asyncio.Lock()
        self._free = asyncio.Condition()
        self._in_flight = 0
        self._halved = 1
        self._is_stopped = False
        self._jitter = random.Random()
        #: Seconds that a call takes, smoothed; and what was counted.
        self.latency = 0.05
        self.calls = 0
        self.limited = 0
        self.unanswered = 0
        self._seconds = 0.0
        self._left_last = math.inf
        #: How many calls each of these seconds had, the last ones.
        self._counts: deque[int] = deque([0], maxlen=_REMEMBERED)

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

    async def turn(self) -> float:
        """Wait until the next call may leave, in the order of those that wait; returns the moment at which it does.

        Raises NotSentError where the load is stopped while the site wants it to wait.
        """
        # One sleeps, and the others queue up behind it: woken together, 64 would wake 12,000 times a second.
        async with self._turn:
            while (wait := max(self._next, self._window_ends()) - (now := time.monotonic())) > 0:
                if self._is_stopped and wait > _PATIENCE:
                    raise NotSentError("Stopped: run the same command again to go on.")
                await asyncio.sleep(min(wait, _PATIENCE))
            if not self.calls:
                self._since = now
            self._rise(now)
            self._next = max(self._next, now - _CATCH_UP) + 1 / (self._rate * _SLACK)
            self._sent.append(now)
            self._taken_since += 1
            self.calls += 1
            since = max(now - self._left_last, 0.0)
            self._measure(since if since <= max(_PAUSE, 2 / self._rate) else 1 / self._rate)
            self._counts[-1] += 1
            self._left_last = now
            return now

    def answered(self, left: float) -> None:
        """The call that left at this moment was answered."""
        self.latency += 0.05 * (time.monotonic() - left - self.latency)
        if left >= self._since:
            self._waits = 0

    def refused(self, left: float, retry_after: str | None) -> None:
        """The site has answered 429 to the call that left at this moment: everything waits for what it says, or else for longer each time.

        Raises NotSentError where it says more than 15 minutes.
        """
        self.limited += 1
        self._taken_since = max(self._taken_since - 1, 0)
        position = bisect.bisect_left(self._sent, left)
        if position < len(self._sent) and self._sent[position] == left:
            del self._sent[position]
        told = _seconds(retry_after)
        if told is not None and told > _LONGEST_WAIT:
            raise NotSentError(
                f"The site asks to come back in {math.ceil(told / 60):,} minutes{_at(told)}: run the same command again then; "
                "what was done stands in the journal."
            )
        if left < self._cut_at:
            # It was in flight when another was told so.
            return
        now = time.monotonic()
        if told is None or told <= 0:
            told = min(_FIRST_WAIT * 2**self._waits, _LONGEST_GUESS) * self._jitter.uniform(0.8, 1.2)
        self._waits += 1
        self._cut(left, now, told)
        if told > _PAUSE:
            # The call that follows takes it for a pause of ours.
            self._measure(told)
        self._next = self._since = max(self._next, now + told)
        self._taken_since = 0

    def lost(self) -> None:
        """A call was not answered."""
        self.unanswered += 1

    @property
    def measured(self) -> Measured:
        """What the calls so far have shown."""
        whole = list(self._counts)[:-1]
        mean = sum(whole) / len(whole) if whole else 0.0
        spread = (sum((each - mean) ** 2 for each in whole) / len(whole)) ** 0.5 / mean if mean else 0.0
        rate = 0.0 if math.isinf(self._set) else self._set
        return Measured(self.calls - self.limited, self._seconds, spread, self.latency, self.unanswered, rate)

    def stop(self) -> None:
        """Wait no longer than for what is about to leave."""
        self._is_stopped = True

    def halve(self) -> None:
        """Half the connections: the site does not answer."""
        self._halved = min(self._halved * 2, _MOST_CONNECTIONS)

    def recover(self) -> None:
        """It answers again."""
        self._halved = 1

    def _measure(self, seconds: float) -> None:
        before, self._seconds = self._seconds, self._seconds + seconds
        self._counts.extend([0] * (int(self._seconds) - int(before)))

    def _window_ends(self) -> float:
        """The moment from which one more call is within the limit."""
        if math.isinf(self._rate):
            return 0.0
        calls = max(1, min(int(self._rate), _REMEMBERED))
        return self._sent[-calls] + calls / (self._rate * _SLACK) if len(self._sent) >= calls else 0.0

    def _cut(self, left: float, now: float, told: float) -> None:
        """Lower the rate to what the site takes in a second, or, where it asks for a long wait, until that is over."""
        if told > _LONG_WINDOW:
            taken = self._taken_since / max(now + told - self._since, 1.0)
            is_another = self._taken_since >= _TELLING
        else:
            taken = float(bisect.bisect_left(self._sent, left) - bisect.bisect_left(self._sent, left - 1.0))
            # One refusal is no proof: a stall lets calls arrive together, and others may have the same key. Two that agree are.
            is_another = taken >= 1 and abs(taken - self._taken_before) <= _AGREES * taken
        self._taken_before, self._cut_at, self._raised_at = taken, now, now
        if is_another and taken < self._rate:
            self._ceiling = self._rate = max(taken, _SLOWEST)
        elif not math.isinf(self._rate):
            self._ceiling, self._rate = self._rate * _CEILING, max(self._rate * _CUT, _SLOWEST)

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


def _at(seconds: float) -> str:
    """So many seconds from now, as a time of day; nothing of more than a year."""
    if seconds > 366 * 86_400:
        return ""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return f", at {moment:%Y-%m-%d %H:%M} UTC"
