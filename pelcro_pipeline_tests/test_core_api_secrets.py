"""Nothing of a load says who is loaded, or with which key: not what it prints and logs, not its journal, not a URL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import bcrypt
import pytest

from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.core_api import every_kind, staged
from pelcro_pipeline_tests.extract import reader

HASHED = bcrypt.hashpw(b"a password of a reader", bcrypt.gensalt(4)).decode()
SCHEME = "customer.common_metadata.password_encryption"
#: A load with everything logged that anybody logs; with a word behind, it breaks down at the first answer.
PROGRAM = """
import json, logging, sys
logging.basicConfig(level=logging.DEBUG)
for name in ("httpx2", "httpcore2", "asyncio"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.target.core_api import load, site
from pelcro_pipeline_tests.killing import _site
own = _site(json.loads(sys.argv[1]))
def broken(self, planned, intent, outcome, body):
    raise ZeroDivisionError("a defect")
try:
    print(site.plan(own, print))
    if sys.argv[2:]:
        load.Loader._noted = broken
    print(site.load(own, print))
except RefusedError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    rows = [*every_kind(), reader(11, {"customer.password": HASHED, SCHEME: "bcrypt"})]
    return staged(tmp_path_factory.mktemp("home"), rows)


def personal(paths) -> set[str]:
    """What of the extract must stand nowhere: what names, reaches or identifies a reader."""
    told = (
        "email",
        "first_name",
        "last_name",
        "phone",
        "password",
        "display_name",
        "_line1",
        "_line2",
        "_zip",
        "_city",
    )
    lines = (paths.delivered / "customers.csv").read_text(encoding="utf-8").splitlines()
    header, *rows = (line.split(",") for line in lines)
    columns = [place for place, name in enumerate(header) if name.endswith(told)]
    return {row[place] for row in rows for place in columns if place < len(row) and len(row[place]) > 3} | {HASHED}


def run(paths, url, number, key, *more) -> str:
    """All that a load says."""
    request = {"home": str(paths.home), "extract": paths.extract, "name": "staging", "key": key, "core_api": {}}
    request |= {"environment": {"url": url, "site": number}}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(request | {"key": "of the environment"}).replace("of the environment", key), *more],
        capture_output=True, text=True, env=os.environ | {"PYTHONASYNCIODEBUG": "1"}, timeout=60,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def kept(paths) -> bytes:
    """The journal, as it stands on the disk."""
    return b"".join(each.read_bytes() for each in sorted(paths.journals.glob("staging.sqlite*")))


def found(text: str | bytes, words: set[str]) -> list[str]:
    held = text if isinstance(text, bytes) else text.encode()
    return sorted(word for word in words if word.encode() in held)


def emptied(paths) -> None:
    for each in paths.journals.glob("*"):
        each.unlink()


def test_neither_the_key_nor_a_reader_stands_in_what_a_load_among_faults_says_or_keeps(paths, tmp_path):
    words = personal(paths)
    assert len(words) > 20
    with api.running(tmp_path) as sandbox:
        told = sandbox.told["sites"]["staging"]
        for kind in ("customer", "address", "subscription", "invoice"):
            for fault in (
                {"kind": "close"},
                {"kind": "garbage", "skip": 2},
                {"kind": "status", "html": True, "skip": 3},
            ):
                sandbox.asked("POST", "/faults", fault | {"operation": f"create_{kind}"})
        said = run(paths, sandbox.told["url"], told["site_id"], told["key"])
        assert "done" in said and "DEBUG" in said
        words |= {told["key"]}
        assert found(said, words) == []
        assert found(kept(paths), words) == []
        urls = json.dumps([each["target"] for each in sandbox.asked("GET", "/calls")["recent"]])
        assert "filter" in urls and found(urls, words) == []
    emptied(paths)


def test_a_defect_shows_its_place_and_nobody(paths, tmp_path):
    with api.running(tmp_path) as sandbox:
        told = sandbox.told["sites"]["staging"]
        said = run(paths, sandbox.told["url"], told["site_id"], told["key"], "broken")
        assert "ZeroDivisionError: a defect" in said
        assert found(said, personal(paths) | {told["key"]}) == []
    emptied(paths)


class Quoting(BaseHTTPRequestHandler):
    """A site that takes products and plans, and refuses all others by quoting them."""

    protocol_version = "HTTP/1.1"
    made = 0

    def do_GET(self) -> None:
        self._answer(200, {"data": self.server.rows.get(self.path.partition("?")[0].rpartition("/")[2], [])})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name in ("products", "plans"):
            Quoting.made += 1
            row = {"id": Quoting.made, **body}
            self.server.rows.setdefault(name, []).append(row)
            self._answer(201, {"data": row})
        else:
            said = {field: [f"{value} cannot be taken \ud800"] for field, value in body.items()}
            self._answer(400, {"errors": said})

    def _answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def quoting():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quoting)
    server.rows = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_refusal_that_quotes_a_reader_is_kept_beside_the_journal_and_nowhere_else(paths):
    words = personal(paths)
    with quoting() as url:
        said = run(paths, url, 1001, "a-key-of-theirs")
    assert "12 refused" in said or "11 refused" in said, said[-500:]
    assert found(said, words | {"a-key-of-theirs"}) == []
    assert found(kept(paths), words | {"a-key-of-theirs"}) == []
    beside = paths.journal("staging").with_suffix(".refusals.ndjson")
    assert oct(beside.stat().st_mode & 0o777) == "0o600"
    assert found(beside.read_bytes(), {"genaro.cassano2@example.com"}) != []
    emptied(paths)
