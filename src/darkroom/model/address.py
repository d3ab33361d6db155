"""A gateway's address, written one way, so that a login names the gateway it is meant for."""

import re

from darkroom.errors import SpecError


_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~-]+)*)/*",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LOOPBACK = {"127.0.0.1", "[::1]", "localhost"}


def normal_address(url: str) -> str:
    """`http(s)://host[:port][/path]` in lower case, without default port or last slash.

    Raises:
        SpecError: it is not such an address.
    """
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    match = _ADDRESS.fullmatch(f"{scheme}{separator}{host}".lower() + slash + path)
    if match is None:
        raise SpecError(
            f"{ascii(url)[:80]} is not a gateway's address",
            next_step="write it like https://gateway.example.org or http://127.0.0.1:8400",
        )
    port = match["port"]
    standard = port is None or port == _DEFAULT_PORTS[match["scheme"]]
    suffix = "" if standard else f":{port}"
    return f"{match['scheme']}://{match['host']}{suffix}{match['path']}"


def is_loopback(address: str) -> bool:
    """Whether a normal address stays on this machine."""
    match = _ADDRESS.fullmatch(address)
    return match is not None and match["host"] in _LOOPBACK
