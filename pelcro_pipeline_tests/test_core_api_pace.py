"""The clock of a site: as fast as its limit, whatever it says of it, and never faster for long."""

from __future__ import annotations

import asyncio
import bisect
import email.utils
import time

import pytest

from pelcro_pipeline.settings import Environment
from pelcro_pipeline.target.core_api.client import Client
from pelcro_pipeline.target.core_api.pace import NotSentError, Pace
from pelcro_pipeline_tests import api

#: What a 429 says, and the seconds that are waited then: between which.
SAID = {
    "seconds": ("2", 2.0, 2.2),
    "a date": (lambda: email.utils.formatdate(time.time() + 2, usegmt=True), 0.9, 2.2),
    "nothing": (None, 0.8, 1.4),
    "no time at all": ("0", 0.8, 1.4),
    "a date that is past": (lambda: email.utils.formatdate(time.time() - 60, usegmt=True), 0.8, 1.4),
    "what cannot be read": ("soon", 0.8, 1.4),
}


async def seconds_waited(pace: Pace, retry_after: str | None) -> float:
    """How long the next call waits once one was refused."""
    left = await pace.turn()
    pace.refused(left, retry_after)
    began = time.monotonic()
    await pace.turn()
    return time.monotonic() - began


def test_what_a_refusal_says_is_waited_and_where_it_says_nothing_a_second():
    async def all_of_them():
        said = {name: each() if callable(each) else each for name, (each, *_) in SAID.items()}
        return dict(
            zip(said, await asyncio.gather(*(seconds_waited(Pace(50), each) for each in said.values())), strict=True)
        )

    waited = asyncio.run(all_of_them())
    assert [name for name, (_, least, most) in SAID.items() if not least <= waited[name] <= most] == [], waited


def test_what_says_nothing_is_waited_for_twice_as_long_the_second_time():
    async def twice():
        pace = Pace(50)
        return await seconds_waited(pace, None), await seconds_waited(pace, None)

    first, second = asyncio.run(twice())
    assert first < 1.4
    assert 1.5 < second < 2.6


@pytest.mark.parametrize("retry_after", ["901", "99999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_more_than_a_quarter_of_an_hour_is_waited_for_by_nobody(retry_after):
    async def refused():
        pace = Pace(50)
        pace.refused(await pace.turn(), retry_after)

    with pytest.raises(NotSentError, match="asks to come back"):
        asyncio.run(refused())


def test_a_load_that_is_stopped_does_not_wait_a_long_wait_out():
    async def stopped():
        pace = Pace(50)
        pace.refused(await pace.turn(), "600")
        waiting = asyncio.create_task(pace.turn())
        await asyncio.sleep(0)
        pace.stop()
        await waiting

    began = time.monotonic()
    with pytest.raises(NotSentError):
        asyncio.run(stopped())
    assert time.monotonic() - began < 4


def test_no_second_has_more_calls_than_the_limit_and_few_have_less():
    async def moments():
        pace = Pace(200)
        return [await pace.turn() for _ in range(400)]

    left = asyncio.run(moments())
    most = max(bisect.bisect_left(left, moment + 1.0) - place for place, moment in enumerate(left))
    assert most <= 200
    assert 400 / (left[-1] - left[0]) > 180


def test_a_site_that_asks_for_a_long_wait_is_called_at_the_rate_of_all_that_time():
    async def rate():
        pace = Pace(0)
        # A site that takes 600 a minute has taken them at once.
        for _ in range(600):
            await pace.turn()
        pace.refused(await pace.turn(), "59")
        return pace.rate

    assert asyncio.run(rate()) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    ("limit", "rate", "says"), [(50, 50, "seconds"), (20, 60, "no-header"), (30, 0, "date")], ids=str
)
def test_nine_tenths_of_a_limit_are_used_and_it_is_not_run_into_again(limit, rate, says, tmp_path):
    with api.running(tmp_path, "--latency", "20-60", "--assume", f"limit={says}") as sandbox:
        sandbox.asked("POST", "/pace", {"rate": limit, "latency": [0.02, 0.06]})
        told = sandbox.told["sites"]["staging"]
        pace = Pace(rate)

        async def called():
            environment = Environment(url=sandbox.told["url"], site=told["site_id"], key="PELCRO_STAGING_KEY")
            async with Client(environment, told["key"], pace) as client:
                await _called_for(client, 5)
                before, began = (pace.calls, pace.limited), time.monotonic()
                await _called_for(client, 4)
                limited = pace.limited - before[1]
                return (pace.calls - before[0] - limited) / (time.monotonic() - began), limited

        taken, limited = asyncio.run(called())
    # At 30 calls a second one that is refused by a busy machine's jitter is a hundredth.
    assert limited <= 2
    assert taken >= 0.85 * limit


async def _called_for(client: Client, seconds: float) -> None:
    async def one():
        try:
            await client.look_up("/plans", limit=1)
        finally:
            await client.pace.leave()

    until, tasks = time.monotonic() + seconds, set()
    while time.monotonic() < until:
        await client.pace.enter()
        tasks.add(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
