"""What a site is never told, and what is never told of it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Environment, load
from pelcro_pipeline.target.core_api.client import Client, StoppedError, Unknown, key_of
from pelcro_pipeline.target.core_api.pace import Pace

KEY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.sandbox"
SITE = 'target = "core_api", site = 1001, key = "PELCRO_STAGING_KEY"'


def refusal(tmp_path, table: str) -> str:
    (tmp_path / "extract.toml").write_text(f"staging = {{ {table} }}\n", encoding="utf-8")
    with pytest.raises(UnusableInputError) as refused:
        load(tmp_path)
    return str(refused.value)


class TestSettings:
    @pytest.mark.parametrize("written", [KEY, "sk_live_51Hx", "sandbox-staging", "PELCRO_staging"])
    def test_a_key_in_extract_toml_is_refused_and_not_repeated(self, written, tmp_path):
        said = refusal(tmp_path, f'target = "core_api", site = 1001, key = "{written}"')
        assert "NAME of the environment variable" in said
        assert written not in said

    @pytest.mark.parametrize(
        ("url", "why"),
        {
            "http://www.pelcro.com/api/v1/core": "give it as https://",
            "https://pelcro.example/api/v1/core": "no other host is spoken to",
            "https://www.pelcro.com.example/api/v1/core": "no other host is spoken to",
            "https://www.pelcro.com@example.com/": "give the address alone",
            "ftp://127.0.0.1/": "give it as https://",
            "https://www.pelcro.com/api?key=1": "give the address alone",
        }.items(),
    )
    def test_only_pelcro_s_hosts_are_spoken_to_and_over_tls(self, url, why, tmp_path):
        assert why in refusal(tmp_path, f'{SITE}, url = "{url}"')

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8470/api/v1/core", "http://localhost:1/", "http://[::1]:1/"])
    def test_this_machine_is_spoken_to_without(self, url):
        assert Environment(target="core_api", site=1, key="PELCRO_STAGING_KEY", url=url).is_local

    def test_staging_and_production_are_two_sites(self, tmp_path):
        (tmp_path / "extract.toml").write_text(f"staging = {{ {SITE} }}\nproduction = {{ {SITE} }}\n")
        with pytest.raises(UnusableInputError, match="give each its own"):
            load(tmp_path)

    def test_a_key_that_is_not_set_is_named_by_its_variable(self, monkeypatch):
        monkeypatch.delenv("PELCRO_STAGING_KEY", raising=False)
        with pytest.raises(UnusableInputError, match="PELCRO_STAGING_KEY is not set"):
            key_of(Environment(target="core_api", site=1, key="PELCRO_STAGING_KEY"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("There is no openssl here to make a certificate with.")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder


async def answer(certificate, got: list[bytes], asked: Callable[[Client], Awaitable[object]]) -> object:
    """What a client makes of a server with that certificate, which writes down what it is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(10_000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1/core"
    environment = Environment(target="core_api", site=1, key="PELCRO_STAGING_KEY", url=url, settle=2)
    try:
        async with Client(environment, KEY, Pace(0)) as client:
            return await asked(client)
    finally:
        server.close()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(lambda client: client.call("POST", "/customers", b'{"email": "ann@post.example"}'), id="call"),
        pytest.param(lambda client: client.object("/customers/1"), id="look-up"),
        pytest.param(lambda client: client.page("/customers", 1), id="read-back"),
    ],
)
def test_a_certificate_that_does_not_hold_stops_before_a_byte_is_sent(asked, certificate):
    got: list[bytes] = []
    with pytest.raises(StoppedError, match="The certificate of"):
        asyncio.run(answer(certificate, got, asked))
    assert got == []


def test_a_site_that_is_not_there_is_not_known_to_have_done_anything():
    environment = Environment(target="core_api", site=1, key="PELCRO_STAGING_KEY", url="http://127.0.0.1:9/", settle=2)

    async def call() -> object:
        async with Client(environment, KEY, Pace(0)) as client:
            return await client.call("POST", "/customers", b"{}")

    outcome = asyncio.run(call())
    assert isinstance(outcome, Unknown)
    assert KEY not in repr(outcome)


def test_without_a_site_no_module_that_speaks_http_is_imported():
    script = "import sys; import pelcro_pipeline.steps; print([m for m in sys.modules if m.split('.')[0] in ('httpx2', 'httpcore2')])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
