"""A connection to a gateway: straight, or through the proxy that the environment names, and never that for this machine.

In: a URL. Out: an HTTP connection and what stands before every path. `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`
count as for other programs. Nothing is sent yet, so only a proxy that cannot be used goes wrong: `Refusal`.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from infra.runtime.refusal import Refusal


class Way(NamedTuple):
    """`before`: put in front of a path; `headers`: sent with every request."""

    connection: http.client.HTTPConnection
    before: str
    headers: dict[str, str]


def connect(url: str, timeout: float) -> Way:
    """The way to this gateway."""
    target = urlsplit(url)
    path = target.path.rstrip("/")
    proxy = _proxy(target)
    if proxy is None:
        return Way(_open(target.scheme, target.hostname or "", target.port, timeout), path, {})
    login = _login(proxy)
    if target.scheme == "https":
        connection = _open("https", proxy.hostname or "", proxy.port, timeout)
        connection.set_tunnel(target.hostname or "", target.port, login)
        return Way(connection, path, {})
    return Way(_open("http", proxy.hostname or "", proxy.port, timeout), f"{target.scheme}://{target.netloc}{path}", login)


def is_here(host: str) -> bool:
    """Whether this host is the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _proxy(target: SplitResult) -> SplitResult | None:
    host = target.hostname or ""
    if is_here(host) or proxy_bypass(f"{host}:{target.port}" if target.port else host):
        return None
    known = getproxies()
    named = known.get(target.scheme) or known.get("all")
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise Refusal(
            f"the proxy for {target.scheme} is of a kind that is not known here: {proxy.scheme}",
            "name an http:// proxy, or put the gateway's host into NO_PROXY",
        )
    return proxy


def _login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _open(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout)
