"""An S3 server on this machine that can be made to fail: moto's, behind a proxy that breaks some of the answers."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Share of requests that go wrong, by the way in which they do.
# busy: 503. broken: 500. cut: half of the body, then nothing. slow: the other half later. lost: done, but no answer.
Faults = Mapping[str, float]
EVERYTHING: Faults = {"busy": 0.01, "broken": 0.01, "cut": 0.01, "slow": 0.01, "lost": 0.01}
CODES = {"busy": (503, "SlowDown"), "broken": (500, "InternalError")}
LATER_S = 0.2


def never(verb: str, path: str) -> bool:
    """No such request."""
    return False


@dataclass
class FaultyS3:
    """A proxy in front of the S3 server at `port`.

    asked: requests by verb. failed: by what went wrong. puts: the paths that were put.
    fails: names, by verb and path, one request whose answer is lost.
    """

    port: int
    faults: Faults = field(default_factory=dict)
    seed: int = 1
    fails: Callable[[str, str], bool] = never
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    puts: list[str] = field(default_factory=list)

    def start(self) -> str:
        """Returns the URL of the endpoint."""
        proxy = self

        class Handler(Relay):
            def fault(self) -> str:
                return proxy.draw(self.command, self.path)

            upstream = proxy.port

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def draw(self, verb: str, path: str) -> str:
        """What goes wrong with the next request; "" for nothing. The same share of the same numbers every time."""
        if self.fails(verb, path):
            self.fails = never
            return "lost"
        number = self.asked.total()
        self.asked[verb] += 1
        if verb == "PUT":
            self.puts.append(path)
        at = random.Random(f"{self.seed} {number}").random()
        for name, share in self.faults.items():
            if at < share:
                self.failed[name] += 1
                return name
            at -= share
        return ""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed or give up leave broken connections behind."""


class Relay(BaseHTTPRequestHandler):
    """Passes requests on and answers back."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    upstream = 0

    def fault(self) -> str:
        return ""

    def relay(self) -> None:
        fault = self.fault()
        body = self._body()
        if fault in CODES:
            self._answer(*self._refusal(*CODES[fault]))
            return
        connection = HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        connection.putrequest(self.command, self.path, skip_accept_encoding=True, skip_host=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect", "transfer-encoding", "content-length"):
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _OWN]
        length = response.getheader("Content-Length") if self.command == "HEAD" else None
        answer = response.read()
        connection.close()
        if fault == "lost":
            self._hang_up()
        else:
            self._answer(response.status, headers, answer, fault, length)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay

    def handle_expect_100(self) -> bool:
        answer = super().handle_expect_100()
        self.wfile.flush()
        return answer

    def log_message(self, *args: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _refusal(self, status: int, code: str) -> tuple[int, list[tuple[str, str]], bytes]:
        said = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made so by a test</Message></Error>"
        return status, [("Content-Type", "application/xml")], said.encode()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, fault: str = "", length: str | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command == "HEAD" or status in (204, 304):
            self.wfile.flush()
            return
        half = len(body) // 2 if fault in ("cut", "slow") else len(body)
        self.wfile.write(body[:half])
        self.wfile.flush()
        if fault == "cut":
            self._hang_up()
        elif half < len(body):
            time.sleep(LATER_S)
            self.wfile.write(body[half:])

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


_OWN = ("content-length", "connection", "transfer-encoding")
