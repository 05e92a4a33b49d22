"""Files of a store: a connection that breaks is tried again, and never becomes a record that failed."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import warc_bytes

from curate import objects
from curate.errors import EngineError, RecipeError
from curate.sources import Limits, input_from_path, list_files, read, remote
from curate.sources.files import Piece, open_stored

pytest.importorskip("aiohttp", reason="needs curate[http]")
DATA = warc_bytes()
# What a request is answered with: "ok", "503", or "cut", half of what was asked for and the connection gone.
Answer = Callable[[int], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """serve({name: bytes}, answer) → the URL of a folder with these files."""
    monkeypatch.setattr(objects, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(remote, "BLOCK_BYTES", 4096)
    servers = []

    def start(files: dict[str, bytes], answer: Answer = lambda request: "ok") -> str:
        asked = iter(range(1 << 30))

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                name = self.path.strip("/")
                whole = files.get(name)
                if name == "":
                    whole = "".join(f'<a href="{file}">{file}</a>' for file in files).encode()
                if whole is None:
                    self.send_error(404)
                    return
                kind = answer(next(asked)) if self.command == "GET" and name else "ok"
                if kind == "503":
                    self.send_error(503)
                    return
                found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                start, end = (int(found[1]), int(found[2] or len(whole) - 1)) if found else (0, len(whole) - 1)
                body = whole[start : end + 1]
                self.send_response(206 if found else 200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Accept-Ranges", "bytes")
                if found:
                    self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(whole)}")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)
                self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def rows_of(path: str) -> list[dict[str, object]]:
    return [
        row
        for file in list_files([input_from_path(path)])
        for batch in read(Piece(file), Limits(), lambda key, n: None)
        for row in batch.to_pylist()
    ]


def test_a_crawl_over_http_reads_as_from_disk(serve: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(DATA)
    url = serve({"a.warc.gz": DATA})
    local, far = rows_of(str(tmp_path / "*.warc.gz")), rows_of(f"{url}/*.warc.gz")
    assert [row["html"] for row in far] == [row["html"] for row in local]
    assert len(far) > 20
    assert rows_of(url) == rows_of(f"{url}/")


@pytest.mark.parametrize("kind", ["503", "cut"])
def test_broken_answers_are_asked_for_again(kind: str, serve: Callable[..., str]) -> None:
    url = serve({"a.warc.gz": DATA}, lambda request: kind if request % 3 else "ok")
    with open_stored(f"{url}/a.warc.gz") as stored:
        assert stored.read() == DATA


def test_parquet_row_groups_are_not_lost(serve: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {n} " * 50 for n in range(2000)]}), path, row_group_size=100)
    url = serve({"a.parquet": path.read_bytes()}, lambda request: "503" if request > 3 and request % 2 else "ok")
    assert [row["text"] for row in rows_of(f"{url}/a.parquet")] == pq.read_table(path)["text"].to_pylist()


def test_a_store_that_stays_away_ends_the_run_and_no_record(serve: Callable[..., str]) -> None:
    url = serve({"a.warc.gz": DATA}, lambda request: "ok" if request < 3 else "503")
    with pytest.raises(EngineError, match=r"cannot reach http.*a\.warc\.gz.*503.*goes on"):
        rows_of(f"{url}/a.warc.gz")


def test_what_is_not_there_is_not_asked_for_again(serve: Callable[..., str]) -> None:
    url = serve({"a.warc.gz": DATA})
    with pytest.raises(RecipeError, match=r"b\.warc\.gz"):
        rows_of(f"{url}/b.warc.gz")
    with pytest.raises(EngineError, match="not there any more"):
        open_stored(f"{url}/b.warc.gz")


def test_seeking(serve: Callable[..., str]) -> None:
    url = serve({"a.warc.gz": DATA})
    with open_stored(f"{url}/a.warc.gz") as stored:
        for place in (5000, 10, len(DATA) - 7, 0, len(DATA) + 5):
            stored.seek(place)
            assert stored.read(100) == DATA[place : place + 100]
        assert stored.seek(-4, 2) == len(DATA) - 4
        assert stored.read() == DATA[-4:]
