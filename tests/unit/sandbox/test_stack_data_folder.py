"""The folder of an installation: private, one owner, ports that stay."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.data_folder import open_data_folder
from sandbox.errors import FolderInUse, FolderNotWritable, PortTaken
from sandbox.log_file import LOG_BYTES_MAX, TAIL_LINES, LogFile
from sandbox.ports import LOOPBACK, PORTS, PortBook, free_port
from sandbox.private_file import write_private_json

HOLDS_FOLDER = """
import sys, pathlib, subprocess, time
from sandbox.data_folder import open_data_folder
with open_data_folder(pathlib.Path(sys.argv[1])) as folder:
    if len(sys.argv) > 2:
        subprocess.Popen(["sleep", sys.argv[2]], pass_fds=(folder.lock,), stdout=subprocess.DEVNULL)
    print("held", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestDataFolder:
    def test_it_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        with open_data_folder(tmp_path / "new" / "data") as folder:
            assert mode(folder.path) == 0o700
            assert mode(folder.folder("logs")) == 0o700

    def test_a_folder_that_was_there_keeps_its_mode(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        (tmp_path / "mine").touch()

        with open_data_folder(tmp_path):
            assert mode(tmp_path) == 0o755

    def test_a_folder_below_a_file_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with (
            pytest.raises(FolderNotWritable, match=r"cannot be written .*--data-dir"),
            open_data_folder(tmp_path / "file" / "data"),
        ):
            pass

    def test_a_second_installation_is_refused_and_told_who_runs(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", HOLDS_FOLDER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            first.stdout.readline()

            with (
                pytest.raises(FolderInUse, match=f"in use by process {first.pid};"),
                open_data_folder(tmp_path),
            ):
                pass

            first.kill()
        with open_data_folder(tmp_path):
            """Free again."""

    def test_what_a_killed_installation_left_running_is_waited_for(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", HOLDS_FOLDER, str(tmp_path), "0.5"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            first.stdout.readline()
            first.kill()

        with open_data_folder(tmp_path):
            """The part is gone, or this would have been refused."""

    def test_addresses_are_published_only_while_it_runs(self, tmp_path: Path) -> None:
        with open_data_folder(tmp_path) as folder:
            with folder.published({"api": "http://127.0.0.1:1"}):
                content = json.loads(folder.installation_file.read_text())
                assert content == {"pid": os.getpid(), "api": "http://127.0.0.1:1"}
                assert mode(folder.installation_file) == 0o600
            assert not folder.installation_file.exists()


class TestPorts:
    def test_a_free_port_is_outside_the_range_of_outgoing_connections(self) -> None:
        assert free_port() in PORTS

    def test_the_same_port_after_a_restart(self, tmp_path: Path) -> None:
        first = PortBook(tmp_path / "ports.json")
        ports = {name: first.port(name) for name in ("api", "mongodb", "redis")}
        first.save()

        second = PortBook(tmp_path / "ports.json")

        assert {name: second.port(name) for name in ports} == ports
        assert len(set(ports.values())) == len(ports)

    def test_another_port_where_the_old_one_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server((LOOPBACK, 0)) as stranger:
            taken = stranger.getsockname()[1]
            write_private_json(tmp_path / "ports.json", {"api": taken})

            assert PortBook(tmp_path / "ports.json").port("api") != taken

    def test_a_port_that_others_were_told_of_stays_even_if_it_is_taken(
        self, tmp_path: Path
    ) -> None:
        with socket.create_server((LOOPBACK, 0)) as stranger:
            taken = stranger.getsockname()[1]
            write_private_json(tmp_path / "ports.json", {"shop": taken})

            assert PortBook(tmp_path / "ports.json").reserve("shop") == taken

    def test_a_port_asked_for_that_is_taken_is_refused(self, tmp_path: Path) -> None:
        with socket.create_server((LOOPBACK, 0)) as stranger:
            taken = stranger.getsockname()[1]

            with pytest.raises(PortTaken, match=rf"Port {taken} on 127\.0\.0\.1 .* --port"):
                PortBook(tmp_path / "ports.json").claim("api", taken, host=LOOPBACK)

    def test_an_address_of_another_machine_is_refused(self) -> None:
        with pytest.raises(PortTaken, match=r"192\.0\.2\.1"):
            free_port("192.0.2.1")

    @pytest.mark.parametrize("content", ["", "[1]", '{"api": "x"}', '{"api": 70000}', "\x00"])
    def test_a_damaged_memory_of_ports_is_no_obstacle(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "ports.json").write_text(content)

        assert PortBook(tmp_path / "ports.json").port("api") in PORTS


class TestLogFile:
    def test_the_tail_shows_the_last_lines_of_this_run_only(self, tmp_path: Path) -> None:
        (tmp_path / "api.log").write_text("of an earlier run\n")
        log = LogFile(tmp_path / "api.log")
        assert log.tail() == ""

        for number in range(TAIL_LINES + 5):
            log.note(str(number))

        expected = [f"supervisor: {number}" for number in range(5, TAIL_LINES + 5)]
        assert log.tail().splitlines() == expected

    def test_a_log_that_has_grown_large_is_set_aside(self, tmp_path: Path) -> None:
        path = tmp_path / "api.log"
        with path.open("wb") as file:
            file.truncate(LOG_BYTES_MAX + 1)

        LogFile(path).note("fresh")

        assert path.read_text() == "supervisor: fresh\n"
        assert (tmp_path / "api.log.1").stat().st_size == LOG_BYTES_MAX + 1
