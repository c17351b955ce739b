"""Calls in flight: how many there may be, and what becomes of the others once nothing more may be sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from pelcro_pipeline.target.core_api.client import Client, StoppedError

#: Seconds between two lines of progress.
EVERY = 5.0


class InterruptedLoadError(StoppedError):
    """Somebody has stopped the load: what was in flight is finished."""


class InFlight:
    """The calls in flight of a load or a revert; ``said`` tells in a sentence how far that is.

    As a context it waits for all of them at its end. The first failure lets the others finish, and is raised then.
    """

    def __init__(self, client: Client, said: Callable[[], str]) -> None:
        self._client, self._said = client, said
        #: Set once somebody has stopped it.
        self.stopping = asyncio.Event()
        #: Why nothing more is sent.
        self.failure: BaseException | None = None
        self._tasks: set[asyncio.Task] = set()

    def stop(self) -> None:
        """Finish what is in flight and send nothing more."""
        self.stopping.set()
        self._client.pace.stop()

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be sent."""
        return self.failure is not None or self.stopping.is_set()

    def refuse_to_go_on(self) -> None:
        """Raise why nothing more may be sent, where nothing may."""
        if self.failure is not None:
            raise self.failure
        if self.stopping.is_set():
            raise InterruptedLoadError(
                f"Stopped: {self._said()}. What was in flight is finished, and the journal knows it: "
                "run the same command again to go on."
            )

    @contextlib.asynccontextmanager
    async def telling(self, told: Callable[[str], None]) -> AsyncIterator[None]:
        """Tell every few seconds how far it is."""

        async def tell() -> None:
            while True:
                await asyncio.sleep(EVERY)
                told(self._said())

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def enter(self) -> None:
        """Take a place among the calls in flight, which ``start`` gives back. Raises where nothing more may be sent."""
        await self._client.pace.enter()
        try:
            self.refuse_to_go_on()
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """Give a place back that nothing was started in."""
        await self._client.pace.leave()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Begin one, in a place that was taken."""
        task = asyncio.create_task(self._held(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _held(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except BaseException as error:
            # The others learn of it before they take their turn.
            self.failure = self.failure or error
        finally:
            await self.leave()

    async def ended(self) -> None:
        """Wait for all; raise the first failure."""
        await self._finished()
        if self.failure is not None:
            raise self.failure

    async def _finished(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def __aenter__(self) -> InFlight:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        await self._finished()
        if error is None:
            await self.ended()
