"""The supervisor, with small Python programs as children."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lumenspan.embedded import pidfile
from lumenspan.embedded.supervisor import Backoff, ChildFailed, ChildSpec, ChildStatus, RunAs, Supervisor
from tests.support import eventually, wait_until

# Writes its pid to a file of its own when it is up, notes when it is told to end, and stays.
POLITE = """
import os, pathlib, signal, sys, time
here, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (here / "order").open("a") as order:
        order.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
(here / (name + ".up")).write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""
STUBBORN = POLITE.replace(
    "signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
)
FAST = Backoff(first_s=0.01, most_s=0.05, healthy_s=3600)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("logs", "run"):
        (tmp_path / name).mkdir()
    return tmp_path


def supervisor(here: Path, changed: list[list[str]] | None = None, backoff: Backoff = FAST) -> Supervisor:
    def report(statuses: list[ChildStatus]) -> None:
        if changed is not None:
            changed.append([status.state for status in statuses])

    return Supervisor(here / "logs", here / "run", backoff=backoff, changed=report)


def child(here: Path, name: str, program: str = POLITE, **others: object) -> ChildSpec:
    up = here / f"{name}.up"

    async def is_ready() -> bool:
        return up.exists() and Path(f"/proc/{up.read_text() or 0}").exists()

    argv = (sys.executable, "-c", program, str(here), name)
    return ChildSpec(**({"name": name, "argv": argv, "cwd": here, "is_ready": is_ready} | others))  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    return pidfile.identity(pid) is not None


class TestStart:
    async def test_it_is_ready_when_start_returns(self, here: Path) -> None:
        watched = supervisor(here)
        await watched.start(child(here, "one"), child(here, "two"))
        try:
            assert [status.state for status in watched.statuses] == ["running", "running"]
            assert [str(status.pid) for status in watched.statuses] == [
                (here / f"{name}.up").read_text() for name in ("one", "two")
            ]
        finally:
            await watched.stop()

    async def test_a_child_that_ends_fails_with_the_end_of_its_log(self, here: Path) -> None:
        watched = supervisor(here)
        with pytest.raises(ChildFailed, match=r"(?s)one ended at once \(exit code 3\).*the port is taken"):
            await watched.start(child(here, "one", "raise SystemExit(print('the port is taken') or 3)"))
        await watched.stop()

    async def test_the_end_of_the_log_is_of_this_start(self, here: Path) -> None:
        (here / "logs" / "one.log").write_text("trouble of last week\n")
        watched = supervisor(here)
        with pytest.raises(ChildFailed) as caught:
            await watched.start(child(here, "one", "raise SystemExit(print('today') or 3)"))
        assert "today" in str(caught.value)
        assert "last week" not in str(caught.value)
        await watched.stop()

    async def test_an_answer_of_another_process_on_its_port_is_not_its_own(self, here: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:

            async def answers() -> bool:
                return True

            watched = supervisor(here)
            spec = child(here, "one", is_ready=answers, port=other.getsockname()[1], start_timeout_s=0.5)
            with pytest.raises(ChildFailed, match="not ready"):
                await watched.start(spec)
            await watched.stop()

    async def test_a_child_that_is_never_ready_fails_and_is_gone(self, here: Path) -> None:
        async def never() -> bool:
            raise ConnectionRefusedError

        watched = supervisor(here)
        spec = child(
            here, "one", "print('thinking', flush=True)\n" + POLITE, is_ready=never, start_timeout_s=2
        )
        with pytest.raises(ChildFailed, match=r"(?s)not ready after 2 s.*thinking"):
            await watched.start(spec)
        (pid,) = [status.pid for status in watched.statuses]
        assert pid is not None
        assert not is_alive(pid)
        await watched.stop()

    async def test_leftovers_of_a_dead_supervisor_are_ended(self, here: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", POLITE, here, "old"], start_new_session=True) as left:
            wait_until((here / "old.up").exists)
            pidfile.write(here / "run" / "old.pid", left.pid)
            supervisor(here)
            assert left.wait(10) == -signal.SIGKILL

    async def test_a_process_that_got_the_pid_of_a_leftover_is_spared(self, here: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", POLITE, here, "other"], start_new_session=True
        ) as other:
            wait_until((here / "other.up").exists)
            path = here / "run" / "old.pid"
            pidfile.write(path, other.pid)
            recorded = json.loads(path.read_text())
            path.write_text(json.dumps(recorded | {"identity": recorded["identity"] + "1"}))
            supervisor(here)
            assert not path.exists()
            assert is_alive(other.pid)
            other.kill()


class TestRestart:
    async def test_a_killed_child_comes_back(self, here: Path) -> None:
        changes: list[list[str]] = []
        watched = supervisor(here, changes)
        await watched.start(child(here, "one"))
        try:
            (before,) = [status.pid for status in watched.statuses]
            assert before is not None
            os.kill(before, signal.SIGKILL)

            async def is_back() -> bool:
                (status,) = watched.statuses
                return status.state == "running" and status.restarts == 1

            await eventually(is_back)
            (after,) = [status.pid for status in watched.statuses]
            assert after != before
            assert ["restarting"] in changes
        finally:
            await watched.stop()

    async def test_a_child_that_keeps_ending_is_tried_again_and_again(self, here: Path) -> None:
        watched = supervisor(here)
        broken = here / "broken"
        program = f"import pathlib, sys\nif pathlib.Path({str(broken)!r}).exists(): sys.exit(1)\n" + POLITE
        await watched.start(child(here, "one", program))
        try:
            (status,) = watched.statuses
            broken.touch()
            assert status.pid is not None
            os.kill(status.pid, signal.SIGKILL)

            async def is_tried_often() -> bool:
                return (here / "logs" / "one.log").exists() and status.restarts >= 4

            await eventually(is_tried_often)
            broken.unlink()

            async def is_back() -> bool:
                return status.state == "running"

            await eventually(is_back)
        finally:
            await watched.stop()

    async def test_stop_does_not_wait_for_the_next_try(self, here: Path) -> None:
        watched = supervisor(here, backoff=Backoff(first_s=3600, most_s=3600))
        await watched.start(child(here, "one"))
        (status,) = watched.statuses
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)

        async def is_waiting() -> bool:
            return status.state == "restarting"

        await eventually(is_waiting)
        begun = time.monotonic()
        await watched.stop()
        assert time.monotonic() - begun < 5


class TestBackoff:
    def test_delay_doubles_up_to_the_most(self) -> None:
        backoff = Backoff(first_s=0.2, most_s=10)
        assert [backoff.delay_s(failures) for failures in (1, 2, 3, 6, 7, 1000)] == [
            0.2,
            0.4,
            0.8,
            6.4,
            10,
            10,
        ]


class TestStop:
    async def test_the_last_started_is_stopped_first(self, here: Path) -> None:
        watched = supervisor(here)
        for name in ("one", "two", "three"):
            await watched.start(child(here, name))
        await watched.stop()
        assert (here / "order").read_text().split() == ["three", "two", "one"]
        assert not list((here / "run").glob("*.pid"))

    async def test_one_that_does_not_listen_is_killed_after_the_grace(self, here: Path) -> None:
        watched = supervisor(here)
        await watched.start(child(here, "one", STUBBORN, stop_grace_s=0.3))
        pid = int((here / "one.up").read_text())
        await watched.stop()
        assert not is_alive(pid)

    async def test_kill_needs_no_grace(self, here: Path) -> None:
        watched = supervisor(here)
        await watched.start(child(here, "one", STUBBORN, stop_grace_s=3600))
        pid = int((here / "one.up").read_text())
        watched.kill()
        await watched.stop()
        assert not is_alive(pid)


SUPERVISE = """
import asyncio, pathlib, sys
sys.path[:0] = sys.argv[2:]
from tests.integration.embedded.test_supervisor import child, supervisor
async def main(here):
    await supervisor(here).start(child(here, "one"))
    (here / "supervising").touch()
    await asyncio.sleep(3600)
asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


class TestDeath:
    def test_children_die_with_a_supervisor_that_is_killed(self, here: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", SUPERVISE, here, *sys.path]) as process:
            wait_until((here / "supervising").exists)
            pid = int((here / "one.up").read_text())
            assert is_alive(pid)
            process.kill()
        wait_until(lambda: not is_alive(pid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
class TestRunAs:
    async def test_it_has_that_user_and_no_rights_of_root(self, here: Path) -> None:
        here.chmod(0o777)
        program = (
            "import os\n"
            "print(os.getuid(), os.getgid(), os.getgroups(), open('/proc/self/status').read())\n" + POLITE
        )
        watched = supervisor(here)
        await watched.start(child(here, "one", program, run_as=RunAs(60_870, 2)))
        await watched.stop()
        log = (here / "logs" / "one.log").read_text()
        assert log.startswith("60870 60870 []")
        assert f"CapEff:\t{1 << 2:016x}" in log
        assert f"CapPrm:\t{1 << 2:016x}" in log
