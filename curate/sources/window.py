"""A forward view of a stream that looks ahead as far as it is asked to and keeps nothing behind."""

import re
from typing import Any

_BLOCK = 1 << 16


class Window:
    """The bytes of `stream` from `position` on. Memory: the farthest look ahead."""

    def __init__(self, stream: Any, position: int) -> None:
        self._stream, self._data, self._ended = stream, b"", False
        self.position = position

    def ahead(self, wanted: int) -> bytes:
        """The next bytes, fewer than `wanted` only where the stream ends."""
        if len(self._data) < wanted and not self._ended:
            blocks, held = [self._data], len(self._data)
            while held < wanted and (block := self._stream.read(max(_BLOCK, wanted - held))):
                blocks.append(block)
                held += len(block)
            self._ended = held < wanted
            self._data = b"".join(blocks)
        return self._data[:wanted]

    def skip(self, count: int) -> bool:
        """Move on; False where the stream ends before."""
        while count > len(self._data):
            self.position += len(self._data)
            count -= len(self._data)
            self._data = b""
            if not self.ahead(min(count, _BLOCK)):
                return False
        self._data = self._data[count:]
        self.position += count
        return True

    def skip_any(self, blank: bytes) -> None:
        """Pass over all bytes that are among `blank`."""
        while head := self.ahead(_BLOCK):
            rest = head.lstrip(blank)
            self.skip(len(head) - len(rest))
            if rest:
                return

    def skip_until(self, pattern: re.Pattern[bytes], slack_bytes: int) -> None:
        """Move to the end of the next match, at least one byte on, or to the stream's end.

        slack_bytes: more than a match and what it looks ahead for can be long.
        """
        self.skip(1)
        while head := self.ahead(_BLOCK):
            if found := pattern.search(head):
                self.skip(found.end())
                return
            self.skip(len(head) - slack_bytes if len(head) == _BLOCK else len(head))
