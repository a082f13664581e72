"""Which way a command goes to its gateway, whatever proxies the environment names."""

from __future__ import annotations

import pytest

from infra.client.connection import connect
from infra.runtime.refusal import Refusal

PROXY = "http://user:p%40ss@proxy.invalid:3128"


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("no_proxy", "inside.example")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://127.8.8.8:1/p/", "127.8.8.8"),
        ("http://[::1]:8080", "::1"),
        ("http://localhost:8080", "localhost"),
        ("https://a.localhost", "a.localhost"),
        ("http://inside.example", "inside.example"),
    ],
)
def test_this_machine_and_exceptions_are_reached_straight(url: str, host: str) -> None:
    connection, before, headers = connect(url, 1)
    assert (connection.host, headers) == (host, {})
    assert before in ("", "/p")


def test_another_machine_is_reached_through_the_proxy() -> None:
    connection, before, headers = connect("http://gateway.example:8080/sluice/", 1)
    assert (connection.host, connection.port) == ("proxy.invalid", 3128)
    assert before == "http://gateway.example:8080/sluice"
    assert headers == {"Proxy-Authorization": "Basic dXNlcjpwQHNz"}


def test_https_goes_through_a_tunnel() -> None:
    connection, before, headers = connect("https://gateway.example/sluice", 1)
    assert (connection.host, connection.port) == ("proxy.invalid", 3128)
    assert (before, headers) == ("/sluice", {})


def test_a_proxy_of_another_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://proxy.invalid:1080")
    with pytest.raises(Refusal, match="socks5"):
        connect("http://gateway.example", 1)
