"""The extraction child: what it may do to its parent, to its neighbours and to the pipe (nothing)."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import EngineError
from curate.processes import cpu_seconds, cpu_seconds_by_ps
from curate.stages import sandbox as sandbox_module
from curate.stages.frames import HEAD_BYTES, MAX_MESSAGE_BYTES, message_bytes, pack, unpack
from curate.stages.sandbox import Limits, Sandbox

LIMITS = Limits(memory_bytes=512 << 20, cpu_s=0.5, stall_s=30.0)


def request(html: str) -> list[bytes]:
    return [b"http://a.example/", b"2024-05-01", html.encode()]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(Sandbox(("hostile_backends:behave", "default", "main"), LIMITS)) as made:
        yield made


@pytest.mark.parametrize(
    ("misdeed", "error"),
    [
        ("loop", "timeout"),
        ("hog", "memory"),
        ("exit", "crashed"),
        ("leave", "crashed"),
        ("segfault", "crashed"),
        ("kill", "crashed"),
        ("recurse", "too_deep"),
        ("raise", "extractor: KeyError"),
    ],
)
def test_a_misdeed_costs_its_own_page_alone(box: Sandbox, misdeed: str, error: str) -> None:
    good = ["ok", "GOOD PAGE", "A title", "2024-01-02"]
    assert box.ask(request("good page")) == good
    assert box.ask(request(misdeed)) == [error]
    assert box.ask(request("good page")) == good


def test_what_extractors_print_and_read_does_not_reach_the_pipe(box: Sandbox) -> None:
    assert box.ask(request("disturb the peace")) == ["ok", "DISTURB THE PEACE", "A title", "2024-01-02"]
    assert box.ask(request("next"))[1] == "NEXT"


def test_a_child_that_sleeps_without_working_is_given_up() -> None:
    with closing(Sandbox(("hostile_backends:behave", "default", "main"), Limits(512 << 20, 30.0, stall_s=0.4))) as box:
        assert box.ask(request("sleep")) == ["timeout"]
        assert box.ask(request("awake"))[1] == "AWAKE"


def test_a_page_whose_child_a_stranger_kills_is_done_again(box: Sandbox) -> None:
    box.start()
    assert box._child is not None
    first = box._child.pid

    def kill_when_busy() -> None:
        time.sleep(0.15)
        os.kill(first, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_busy)
    killer.start()
    answer = box.ask(request("slow page"))
    killer.join()
    assert answer == ["ok", "SLOW PAGE", "A title", "2024-01-02"]
    assert box._child.pid != first


def test_a_child_that_died_between_pages_is_replaced(box: Sandbox) -> None:
    box.start()
    assert box._child is not None
    box._child.kill()
    box._child.wait()
    assert box.ask(request("after"))[1] == "AFTER"


def test_large_pages_pass_in_both_directions(box: Sandbox) -> None:
    text = "a long page " * 400_000
    assert box.ask(request(text))[1] == text.upper()


def test_one_child_serves_many_pages_and_is_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "PAGES_PER_CHILD", 3)
    with closing(Sandbox(("hostile_backends:count_pages", "default", "main"), LIMITS)) as box:
        answers = [box.ask(request("page")) for _ in range(7)]
    assert [number for _, number, _, _ in answers] == ["1", "2", "3", "1", "2", "3", "1"]
    assert len({pid for _, _, pid, _ in answers}) == 3


def test_threads_share_a_child_without_mixing_answers(box: Sandbox) -> None:
    wrong: list[str] = []

    def ask_many(name: str) -> None:
        for number in range(25):
            page = f"{name} {number}"
            if box.ask(request(page))[1] != page.upper():
                wrong.append(page)

    threads = [threading.Thread(target=ask_many, args=(f"thread{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_copy_leaves_the_childs_of_the_original_alone(box: Sandbox) -> None:
    box.start()
    original = box._child
    assert original is not None
    box._owner = -1  # as in a copy of the process that made it
    assert box.ask(request("copy"))[1] == "COPY"
    assert box._child is not original
    assert original.poll() is None
    original.kill()
    original.communicate()


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        ("no_such_module:f", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("hostile_backends:absent", "has no attribute 'absent'"),
    ],
)
def test_a_backend_that_cannot_be_loaded_says_why(backend: str, why: str) -> None:
    with closing(Sandbox((backend, "default", "main"), LIMITS)) as box, pytest.raises(EngineError, match=why):
        box.ask(request("page"))


def test_the_child_dies_with_its_parent() -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere a child that is busy ends at its CPU limit")
    code = (
        "import threading\n"
        "from curate.stages.sandbox import Limits, Sandbox\n"
        "box = Sandbox(('hostile_backends:behave', 'default', 'main'), Limits(512 << 20, 600.0))\n"
        "box.start()\n"
        "print(box._child.pid, flush=True)\n"
        "box.ask([b'', b'', b'loop'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(300):
        if not is_running(pid):
            return
        time.sleep(0.1)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_cpu_seconds_agree_with_ps() -> None:
    while time.process_time() < 1.2:  # so that there is something to see
        pass
    try:
        by_ps = cpu_seconds_by_ps(os.getpid())
    except FileNotFoundError:
        pytest.skip("needs ps")
    assert by_ps >= 1
    assert abs(cpu_seconds(os.getpid()) - by_ps) < 2
    assert cpu_seconds_by_ps(2**22 + 1) == cpu_seconds(2**22 + 1) == 0.0


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_messages_come_back_as_they_were(parts: list[bytes]) -> None:
    message = pack(parts)
    assert message_bytes(message) == len(message)
    assert unpack(message) == parts


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4), st.data())
def test_damaged_messages_are_refused(parts: list[bytes], data: st.DataObject) -> None:
    message = pack(parts)
    cut = data.draw(st.integers(HEAD_BYTES, len(message) - 1))
    with pytest.raises(ValueError, match="message"):
        unpack(message[:cut])
    with pytest.raises(ValueError, match="message"):
        unpack(message + b"x")


def test_an_absurd_length_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        message_bytes(MAX_MESSAGE_BYTES.to_bytes(HEAD_BYTES, "big"))
