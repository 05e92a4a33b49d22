"""Files of a store, read through fsspec: large sequential blocks, retries with back-off, errors that end the run.

A connection that breaks says nothing about the records behind it. So a block that cannot be read is asked for again
on a new connection, and after the last try the run ends with EngineError and goes on from there when it is started
again; it never becomes a record that failed. Cost: one block of 8 MB in memory a file.
"""

import io
from collections.abc import Callable
from typing import Any

from curate.errors import EngineError
from curate.objects import Seekable, open_system, persist

BLOCK_BYTES = 8 << 20


def open_remote(url: str) -> io.BufferedReader:
    """The stored bytes behind a URL, seekable. Raises EngineError when they cannot be had."""
    return io.BufferedReader(_Remote(url), BLOCK_BYTES)


class _Remote(Seekable):
    def __init__(self, url: str) -> None:
        self._url = url
        self._file: Any = None
        size = self._persist(lambda: self._opened().size)
        if size is None:
            raise EngineError(f"cannot read {url}: its server does not say how long it is. Download it first.")
        super().__init__(int(size))

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(self.size - self._position, 0))
        data = self._persist(lambda: self._block(wanted)) if wanted else b""
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> Any:
        if self._file is None:
            system, path = open_system(self._url)
            self._file = system.open(path, "rb", block_size=BLOCK_BYTES, cache_type="readahead")
        return self._file

    def _block(self, wanted: int) -> bytes:
        file = self._opened()
        if file.tell() != self._position:
            file.seek(self._position)
        data: bytes = file.read(wanted)
        if not data:
            raise EOFError(f"ends at {self._position} of {self.size} bytes")
        return data

    def _persist(self, act: Callable[[], Any]) -> Any:
        """On a new connection each time. Raises EngineError also for a file that is gone."""

        def once() -> Any:
            try:
                return act()
            except BaseException:
                self._file = None
                raise

        try:
            return persist(once, self._url)
        except FileNotFoundError as error:
            raise EngineError(f"cannot read {self._url}: it is not there any more ({error})") from error
