"""Function processes are kept while they are of use, within what the host has, and leave nothing behind."""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from tests.conformance.fn.client import Client, frame, frames, try_call
from tests.conformance.fn.conftest import functions
from tests.conformance.peloton.server import Server, hosts, serving

SMALL = hosts('name = "here"\ncpu = 8\nmemory_mb = 200\nengine = "process"\n')
BUSY = (503, "Timed out - server too busy", False)
WAIT_S = 15.0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two functions of 100 MB fit, and who finds no room is refused at once."""
    configuration = SMALL + "[fn]\nblocking = false\n" + functions()
    with serving(tmp_path_factory.mktemp("small"), configuration) as server:
        yield Client(server.grpc)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two functions of 100 MB fit, and who finds no room waits."""
    with serving(
        tmp_path_factory.mktemp("patient"), SMALL + "[fn]\ndetached = false\n" + functions()
    ) as server:
        yield Client(server.grpc)


def until(holds: Callable[[], bool]) -> None:
    """Look until it holds: what is waited for is another process's doing."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_of(client: Client, **keys: object) -> int:
    body = client.call(b"told\n", **keys).body  # type: ignore[arg-type] # no test gives a timeout
    return int(body.partition(b'"pid": ')[2].partition(b",")[0])


def sockets_of(client: Client, **keys: object) -> Path:
    """Where a server has the sockets of all its functions: other servers have others in the same place."""
    body = client.call(b"told\n", **keys).body  # type: ignore[arg-type] # no test gives a timeout
    listener: str = json.loads(body)["environment"]["FN_LISTENER"]
    return Path(listener.removeprefix("unix:")).parent.parent


def test_without_room_the_answer_is_to_try_elsewhere(small: Client) -> None:
    before = small.status()
    holding = [small.engage(try_call(fn_id=f"full-{n}", memory=100, type="detached")) for n in range(2)]
    for each in holding:
        assert each.next().HasField("result_start")
    answer = small.call(fn_id="full-2", memory=100)
    assert answer.code is grpc.StatusCode.OK
    assert answer.starts == []
    assert answer.finished.details == "call-1"
    assert answer.finished.startedAt == ""
    assert small.call(fn_id="full-0", memory=100).verdict == BUSY  # its only slot is busy
    for each in holding:
        each.say(frame(eof=True))
        assert each.rest().finished.success
    assert small.call(fn_id="full-2", memory=100).finished.success  # there is room as soon as others rest
    after = small.status()
    refused = (after.requestsReceived - before.requestsReceived) - (
        after.requestsHandled - before.requestsHandled
    )
    assert refused == 2


def test_who_has_no_descriptors_left_blames_no_function(tmp_path: Path) -> None:
    """The call is refused, to be tried elsewhere; the process is there when there are some again."""
    with serving(tmp_path, SMALL + functions()) as server:
        client = Client(server.grpc)
        process = pid_of(client)
        assert client.call(b"closes\n").finished.success  # its next call takes a new connection
        before = resource.prlimit(server.process, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process, resource.RLIMIT_NOFILE, (0, before[1]))
        assert [client.call().verdict for _ in range(3)] == [BUSY] * 3
        resource.prlimit(server.process, resource.RLIMIT_NOFILE, before)
        assert pid_of(client) == process
        assert server.said().count("slots_unreachable") == 1


def test_idle_functions_make_room_for_others(small: Client) -> None:
    first = pid_of(small, fn_id="evict-1", memory=100)
    second = pid_of(small, fn_id="evict-2", memory=60, tmpfs_size=40)
    assert pid_of(small, fn_id="evict-3", memory=150)
    until(lambda: not is_alive(first) and not is_alive(second))


def test_what_needs_no_memory_always_fits(small: Client) -> None:
    pid_of(small, fn_id="fill", memory=200)
    assert small.call(fn_id="none").finished.success


def test_detached_calls_may_be_refused(patient: Client) -> None:
    verdict = patient.call(type="detached").verdict
    assert verdict == (501, "Detach call functions are not supported on this server", False)


def test_who_waits_for_room_gets_it(patient: Client) -> None:
    holding = patient.engage(try_call(fn_id="held", memory=200), frame(b"x"))
    waiting = patient.engage(try_call(fn_id="waits", memory=200), *frames(b"y"))
    until(lambda: patient.status().active == 2)
    holding.say(frame(eof=True))
    assert holding.rest().body == b"x"
    assert waiting.rest().body == b"y"


def test_who_waits_too_long_is_refused_before_his_deadline(patient: Client) -> None:
    holding = patient.engage(try_call(fn_id="held", memory=200, timeout=30), frame(b"x"))
    try:
        until(lambda: patient.status().active == 1)
        late = (try_call(fn_id="late", memory=200), *frames(b"y"))
        answers = (patient.tell(late, timeout=4) for _ in range(3))
        # A machine that stood still for a moment may have been too late for that.
        in_time = next(each for each in answers if each.code is grpc.StatusCode.OK)
        assert in_time.verdict == BUSY
    finally:
        holding.call.cancel()
        holding.half_close()
    assert patient.call(fn_id="after", memory=200).finished.success


def test_who_has_little_time_has_the_process_that_is_there(patient: Client) -> None:
    patient.call(fn_id="quick", memory=200)
    answer = patient.tell((try_call(fn_id="quick", memory=200), *frames(b"y")), timeout=0.08)
    assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED or answer.finished.success


def test_who_leaves_before_his_function_saw_anything_leaves_it_as_it_was(patient: Client) -> None:
    """There is room for one process only: whoever comes next has the same one, or waits for ever."""
    before = pid_of(patient, fn_id="unseen", memory=200)
    for _ in range(30):
        engagement = patient.engage(try_call(fn_id="unseen", memory=200))
        until(lambda: patient.status().active == 1)
        engagement.call.cancel()
        engagement.half_close()
        assert pid_of(patient, fn_id="unseen", memory=200) == before


def test_an_idle_function_ends_in_time(patient: Client) -> None:
    pid = pid_of(patient, fn_id="idle", idle_timeout=1)
    until(lambda: not is_alive(pid))
    assert pid_of(patient, fn_id="idle", idle_timeout=1) != pid


def test_a_function_that_ends_while_idle_is_no_trouble(patient: Client) -> None:
    pid = pid_of(patient, fn_id="killed")
    os.kill(pid, 9)
    until(lambda: not is_alive(pid))
    assert pid_of(patient, fn_id="killed") != pid


def test_a_function_that_does_not_want_to_end_is_killed_with_its_children(patient: Client) -> None:
    pid = pid_of(patient, fn_id="stubborn", image="stubborn", idle_timeout=1)
    child = int(patient.call(b"forks\n", fn_id="stubborn", image="stubborn", idle_timeout=1).body)
    until(lambda: not is_alive(pid) and not is_alive(child))


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_an_idle_function_is_frozen_until_it_is_needed(tmp_path: Path) -> None:
    with serving(tmp_path, SMALL + "[fn]\nfreeze_after_ms = 20\n" + functions()) as server:
        client = Client(server.grpc)
        pid = pid_of(client)
        until(lambda: state_of(pid) == "T")
        for _ in range(3):
            assert pid_of(client) == pid
            until(lambda: state_of(pid) == "T")
        brief = pid_of(client, fn_id="brief", idle_timeout=1)
        until(lambda: not is_alive(brief))
    until(lambda: not is_alive(pid))


def test_who_writes_much_to_its_log_goes_on(patient: Client) -> None:
    assert patient.call(b"floods\n20000", fn_id="floods").body == b"flooded"


def test_nothing_is_left_of_many_calls(tmp_path: Path) -> None:
    """Processes, sockets, files and descriptors are those of what is kept, not of what was done."""
    with serving(tmp_path, SMALL + functions()) as server:
        client = Client(server.grpc)

        def holds() -> tuple[int, int]:
            descriptors = len(list(Path(f"/proc/{server.process}/fd").iterdir()))
            return descriptors, len(list(directory.iterdir()))

        directory = sockets_of(client)
        before = holds()
        for n in range(300):
            assert client.call(str(n).encode()).body == str(n).encode()
        for n in range(5):
            client.call(b"crash\n", fn_id=str(n), idle_timeout=1)
        for _ in range(20):
            engagement = client.engage(try_call(), *frames(b"x"))
            engagement.call.cancel()
            engagement.half_close()
        assert client.call().finished.success
        until(lambda: holds()[0] <= before[0] + 2 and holds()[1] <= before[1] + 20)
        until(lambda: client.status().active == 0)


def test_a_server_that_is_killed_leaves_no_function_behind(tmp_path: Path) -> None:
    """The call fails once; the next server ends what still ran, and takes its place."""
    server = Server(tmp_path, SMALL + functions(), keeps=True)
    server.start()
    try:
        client = Client(server.grpc)
        pid = pid_of(client, fn_id="orphan")
        directory = sockets_of(client, fn_id="orphan")
        assert directory.exists()
        engagement = client.engage(try_call(fn_id="orphan", type="detached"), *frames(b"sleep\n1000"))
        assert engagement.next().HasField("result_start")
        server.kill()
        assert engagement.rest().code is grpc.StatusCode.UNAVAILABLE
        server.start()
        until(lambda: not is_alive(pid))
        again = Client(server.grpc)
        assert again.call(fn_id="orphan").finished.success
        assert not directory.exists()
        last = pid_of(again, fn_id="orphan")
        assert server.terminate()[0] == 0
        until(lambda: not is_alive(last))
    finally:
        server.close()
    assert "Traceback" not in server.said()


def test_a_server_that_ends_refuses_who_waits(tmp_path: Path) -> None:
    with serving(tmp_path, SMALL + functions()) as server:
        client = Client(server.grpc)
        holding = client.engage(try_call(fn_id="held", memory=200), frame(b"x"))
        until(lambda: client.status().active == 1)
        waiting = client.engage(try_call(fn_id="waits", memory=200), *frames(b"y"))
        until(lambda: client.status().active == 2)
        holding.say(frame(eof=True))
        holding.rest()
        waiting.rest()
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 8
