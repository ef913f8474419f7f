"""Clients with certificates in common reach their providers as the SDKs' own do."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from ragnb.errors import ProviderError
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM
from ragnb.providers.clients import ssl_context

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUSItX+HMTEc2oI9lROWVwLUBrn9swCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJQSBjb21wYW55MCAXDTI2MTEyMTE4MDc1MloYDzIxMjYxMDI4
MTgwNzUyWjAUMRIwEAYDVQQDDAlBIGNvbXBhbnkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATAHVq92alg0/hLeFnS5GCNFzPQ/2Hm8+RRMGcK58+jkDBmCuIpPdiu
QiiJ26xhllh0k1KdL3ulCfQkDg+02kgco1MwUTAdBgNVHQ4EFgQUvPF/PQ+PskDT
EI45Y9lP4ghjMJcwHwYDVR0jBBgwFoAUvPF/PQ+PskDTEI45Y9lP4ghjMJcwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBWG9/8qjN5/H4XeLv8AAKb
hz5Sz2bXBr9GEkS+WWI1UwIhAO8+2N5IYwUo3lxVwXDUIxd6LTZZ4SrBcuG1r63r
QcLq
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize("kind", [OpenAILLM, AnthropicLLM])
@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("http", b"POST http://models.invalid/"), ("https", b"CONNECT models.invalid:443 ")],
)
async def test_a_proxy_of_the_environment(kind, scheme, asked, monkeypatch):
    """A proxy that the environment names is used."""
    lines = []

    async def refuse(reader, writer):
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        for name in ("NO_PROXY", "no_proxy", f"{scheme}_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://127.0.0.1:{port}")
        llm = kind("m", base_url=f"{scheme}://models.invalid", api_key="test")
        with pytest.raises(ProviderError):
            async for _ in llm.stream(Request("How?")):
                pass
        await llm.aclose()
    assert [line.startswith(asked) for line in lines] == [True]


def test_certificates_of_the_environment(monkeypatch, tmp_path):
    """A company's own certificates are trusted instead of the system's."""
    company = tmp_path / "company.pem"
    company.write_text(CERTIFICATE)
    ssl_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(company))
    try:
        trusted = ssl_context()
        assert [*map(ssl.DER_cert_to_PEM_cert, trusted.get_ca_certs(binary_form=True))] == [CERTIFICATE]
        assert ssl_context() is trusted
    finally:
        ssl_context.cache_clear()
