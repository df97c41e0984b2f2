"""Starts the parts of an installation, watches them, and stops all of them whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from sandbox.errors import PartFailed
from sandbox.part import Part, PartSpec

Result = TypeVar("Result")
OnReady = Callable[[str, float], None]
"""Told a part's name and the seconds it took to be ready."""


class Interrupted(Exception):
    """A stop was asked for, and everything has been stopped."""


async def supervise(
    specs: Sequence[PartSpec],
    body: Callable[[], Awaitable[Result]],
    *,
    log_dir: Path,
    interrupted: asyncio.Event,
    on_ready: OnReady,
    inherit: tuple[int, ...] = (),
) -> Result:
    """Run the body while all parts run; no part is left when this returns or raises.

    Args:
        specs: The parts; one starts as soon as those named in its ``after`` are ready, and stops
            after all that named it.
        body: What the parts are for. It is cancelled when a part ends or a stop is asked for.
        log_dir: Each part's output goes to ``NAME.log`` in it.
        interrupted: Set it to ask for a stop, at any time.
        on_ready: Called as each part becomes ready.
        inherit: Descriptors that the parts hold open as well.

    Raises:
        PartFailed: A part did not become ready, or ended by itself.
        Interrupted: A stop was asked for.
    """
    parts = {spec.name: Part(spec, log_dir, inherit=inherit) for spec in specs}
    ready = {name: asyncio.Event() for name in parts}
    try:
        async with asyncio.TaskGroup() as group:
            watchers: list[asyncio.Task[NoReturn]] = [group.create_task(_raise_when(interrupted))]
            watchers += [group.create_task(_keep(part, ready, on_ready)) for part in parts.values()]
            for event in ready.values():
                await event.wait()
            result = await body()
            for watcher in watchers:
                watcher.cancel()
        return result
    except BaseExceptionGroup as failures:
        raise _most_telling(failures) from None
    finally:
        await _stop(parts)


async def _keep(part: Part, ready: Mapping[str, asyncio.Event], on_ready: OnReady) -> NoReturn:
    """Start a part once it can be, then raise when it ends: parts are not meant to end."""
    for name in part.spec.after:
        await ready[name].wait()
    began = time.monotonic()
    await part.start()
    on_ready(part.spec.name, time.monotonic() - began)
    ready[part.spec.name].set()
    raise await part.ended()


async def _raise_when(interrupted: asyncio.Event) -> NoReturn:
    await interrupted.wait()
    raise Interrupted


async def _stop(parts: Mapping[str, Part]) -> None:
    """Stop every part after those that depend on it, the rest side by side."""
    stopped = {name: asyncio.Event() for name in parts}

    async def stop(part: Part) -> None:
        for other in parts.values():
            if part.spec.name in other.spec.after:
                await stopped[other.spec.name].wait()
        await part.stop()
        stopped[part.spec.name].set()

    await asyncio.gather(*(stop(part) for part in parts.values()))


def _most_telling(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of several failures at once: what broke a part explains what broke with it."""
    part_failures = failures.subgroup(PartFailed)
    return (part_failures or failures).exceptions[0]
