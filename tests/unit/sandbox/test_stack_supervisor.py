"""What holds for any set of parts, shown with programs of a few lines."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.errors import PartFailed
from sandbox.part import PartSpec, Poll, ReadyLine
from sandbox.supervisor import Interrupted, supervise

DEADLINE_S = 20.0
READY = "print('{\"dummy\": 1}', flush=True);"
SLEEP = "import time; time.sleep(60)"


def part(
    name: str, code: str, *, after: tuple[str, ...] = (), stop_within_s: float = 5
) -> PartSpec:
    return PartSpec(
        name=name,
        argv=(sys.executable, "-I", "-S", "-c", code),
        ready=ReadyLine("dummy"),
        after=frozenset(after),
        ready_within_s=DEADLINE_S,
        stop_within_s=stop_within_s,
    )


def writes_its_pid(path: Path, then: str = SLEEP) -> str:
    return f"import os; open({str(path)!r}, 'w').write(str(os.getpid())); {READY} {then}"


async def forever() -> None:
    await asyncio.Event().wait()


async def nothing() -> None:
    """Be done as soon as all parts are ready."""


async def run(
    folder: Path,
    *specs: PartSpec,
    body: Callable[[], Awaitable[object]] = forever,
    interrupted: asyncio.Event | None = None,
) -> list[str]:
    """The names of the parts, in the order in which they became ready."""
    order: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        await supervise(
            specs,
            body,
            log_dir=folder,
            interrupted=interrupted or asyncio.Event(),
            on_ready=lambda name, _: order.append(name),
        )
    return order


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class TestStart:
    async def test_a_part_starts_after_those_it_needs(self, tmp_path: Path) -> None:
        second = part("second", READY + SLEEP, after=("first",))
        first = part("first", "import time; time.sleep(0.2);" + READY + SLEEP)

        assert await run(tmp_path, second, first, body=nothing) == ["first", "second"]

    async def test_a_part_that_cannot_start_is_named_with_its_last_words(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(PartFailed) as failure:
            await run(tmp_path, part("broken", "import sys; sys.exit('no such disk')"))

        assert str(failure.value) == "broken did not start: exit code 1."
        assert failure.value.log_tail == "no such disk"

    async def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        spec = PartSpec(name="ghost", argv=("/nonexistent/program",), ready=ReadyLine("dummy"))

        with pytest.raises(PartFailed, match=r"ghost did not start: exit code 127\.") as failure:
            await run(tmp_path, spec)

        assert "cannot run /nonexistent/program: No such file" in failure.value.log_tail

    async def test_a_part_that_is_never_ready(self, tmp_path: Path) -> None:
        async def never() -> bool:
            return False

        spec = PartSpec(
            name="slow",
            argv=(sys.executable, "-I", "-S", "-c", SLEEP),
            ready=Poll(never),
            ready_within_s=0.3,
        )

        with pytest.raises(PartFailed, match=r"slow was not ready within 0\.3 s\."):
            await run(tmp_path, spec)

    async def test_a_part_that_announces_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(PartFailed, match=r'odd printed "hello" where its address was expected'):
            await run(tmp_path, part("odd", "print('hello', flush=True);" + SLEEP))

    async def test_advice_is_given_for_a_known_cause(self, tmp_path: Path) -> None:
        spec = PartSpec(
            name="server",
            argv=(sys.executable, "-I", "-S", "-c", "import sys; sys.exit('libx.so: not found')"),
            ready=ReadyLine("dummy"),
            advice={"libx.so": "Install libx."},
        )

        with pytest.raises(PartFailed, match=r"exit code 1\. Install libx\."):
            await run(tmp_path, spec)

    async def test_what_a_part_prints_is_in_its_log_which_is_private(self, tmp_path: Path) -> None:
        code = "import sys; sys.stderr.write('to err\\n');" + READY + "print('to out');"

        with pytest.raises(PartFailed):
            await run(tmp_path, part("chatty", code))

        log = tmp_path / "chatty.log"
        assert log.read_text().splitlines() == ["to err", "to out"]
        assert log.stat().st_mode & 0o777 == 0o600


class TestStop:
    async def test_when_a_part_dies_all_stop_and_it_is_named(self, tmp_path: Path) -> None:
        steady = part("steady", writes_its_pid(tmp_path / "pid"))
        dying = part("dying", READY + "import sys; sys.exit('out of memory')", after=("steady",))

        with pytest.raises(PartFailed, match="dying") as failure:
            await run(tmp_path, steady, dying)

        assert "out of memory" in failure.value.log_tail
        assert not alive(int((tmp_path / "pid").read_text()))

    async def test_a_part_killed_later_is_named_with_the_signal(self, tmp_path: Path) -> None:
        async def kill_it() -> None:
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            await asyncio.Event().wait()

        with pytest.raises(PartFailed, match=r"victim ended by itself: signal SIGKILL\."):
            await run(tmp_path, part("victim", writes_its_pid(tmp_path / "pid")), body=kill_it)

    async def test_a_stop_asked_for_while_parts_still_start(self, tmp_path: Path) -> None:
        interrupted = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, interrupted.set)

        with pytest.raises(Interrupted):
            await run(tmp_path, part("never-ready", SLEEP), interrupted=interrupted)

    async def test_a_part_stops_before_those_it_needs(self, tmp_path: Path) -> None:
        def on_term(name: str) -> str:
            done = f"open({str(tmp_path / 'order')!r}, 'a').write('{name} ')"
            handler = f"lambda *_: ({done}, sys.exit(0))"
            return f"import signal, sys; signal.signal(signal.SIGTERM, {handler}); {READY} {SLEEP}"

        await run(
            tmp_path,
            part("database", on_term("database")),
            part("api", on_term("api"), after=("database",)),
            part("worker", on_term("worker"), after=("api",)),
            body=nothing,
        )

        assert (tmp_path / "order").read_text().split() == ["worker", "api", "database"]

    async def test_a_part_that_will_not_stop_is_killed(self, tmp_path: Path) -> None:
        deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        code = deaf + writes_its_pid(tmp_path / "pid")

        await run(tmp_path, part("deaf", code, stop_within_s=0.3), body=nothing)

        assert not alive(int((tmp_path / "pid").read_text()))
        assert "stopped with SIGKILL after 0.3 s" in (tmp_path / "deaf.log").read_text()

    async def test_a_body_that_fails_stops_all_and_is_heard(self, tmp_path: Path) -> None:
        async def fail() -> None:
            raise ValueError("the step did not come right")

        with pytest.raises(ValueError, match="the step did not come right"):
            await run(tmp_path, part("steady", writes_its_pid(tmp_path / "pid")), body=fail)

        assert not alive(int((tmp_path / "pid").read_text()))


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from sandbox.part import PartSpec, ReadyLine
from sandbox.supervisor import supervise

async def main(folder, code):
    deaf = PartSpec(name="deaf", argv=(sys.executable, "-I", "-S", "-c", code), ready=ReadyLine("dummy"))
    await supervise([deaf], asyncio.Event().wait, log_dir=folder, interrupted=asyncio.Event(),
                    on_ready=lambda name, _: print(name, flush=True))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def test_no_part_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    code = deaf + writes_its_pid(tmp_path / "pid")
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline().strip() == "deaf"
        pid = int((tmp_path / "pid").read_text())
        assert alive(pid)

        supervisor.kill()

        wait_until(lambda: not alive(pid))
