"""The lock of a run in a store: one holder, who is left alone as long as it lives, and whose place is taken after."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from buckets import Store

from curate import lock as module
from curate.errors import LockError, RecipeError
from curate.lock import is_locked, lock
from curate.objects import create
from curate.storage import names_in, place

Url = Callable[[str], str]
pytestmark = pytest.mark.usefixtures("quick")


@contextmanager
def no_beat() -> Iterator[None]:
    """A holder without a sign of life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_beat", lambda path, token, over: None)
        yield


def test_a_second_run_is_refused_while_the_first_one_lives(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    out = place(store.url())
    with lock(out) as fence:
        fence.check()
        assert is_locked(out)
        with pytest.raises(LockError, match="another run is working on s3://"), lock(out):
            pass
        fence.check()
        assert "looking for up to 1 s whether its run lives" in capsys.readouterr().err
    assert store.names() == set(), "and leaves nothing"
    assert not is_locked(out)
    with lock(out):
        pass


def test_a_dead_lock_is_taken_over_and_its_holder_fenced_off(store: Store) -> None:
    out = place(store.url())
    with no_beat(), lock(out) as dead:
        assert not is_locked(out)
        with lock(out) as fence:
            fence.check()
            with pytest.raises(LockError, match="discarded"):
                dead.check()
    assert store.names() == set()


def test_of_many_that_find_a_dead_lock_one_has_it(memory: Url) -> None:
    out = place(memory("out"))
    with no_beat(), lock(out):
        pass
    create(out / ".lock", b"dead")
    held: list[str] = []
    refused: list[LockError] = []
    begin = threading.Barrier(6)

    def compete() -> None:
        begin.wait()
        try:
            with lock(out) as fence:
                held.append(fence.token)
                time.sleep(2)
                fence.check()
        except LockError as error:
            refused.append(error)

    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 5)
    assert names_in(out) == []


def test_an_old_holder_does_not_take_its_lock_back(memory: Url) -> None:
    out = place(memory("out"))
    with lock(out) as old:
        (out / ".lock").unlink()
        create(out / ".lock", b"another")
        time.sleep(0.5)
        assert (out / ".lock").read_text() == "another"
        with pytest.raises(LockError):
            old.check()
    assert (out / ".lock").read_text() == "another"


def test_the_lock_holds_through_failures(store: Store) -> None:
    store.proxy.faults = {"busy": 0.1, "lost": 0.1, "cut": 0.1}
    for _ in range(5):
        with lock(place(store.url())) as fence:
            time.sleep(0.3)
            fence.check()
    assert store.proxy.failed.total() > 5
    assert store.names() == set()


def test_a_bucket_that_is_not_there_is_the_users_mistake(store: Store) -> None:
    with pytest.raises(RecipeError, match="bucket does not exist"), lock(place("s3://no-such-bucket/out")):
        pass
