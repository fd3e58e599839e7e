"""Where a request may go: not to link-local addresses, nor to those at which clouds hand out a machine's credentials.

A policy names the servers that are asked, and whoever may change a policy need not be allowed to read what the machine
knows. Private and loopback addresses are open: that is where metrics servers are.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from rollout_bot.network.exchange import OffLimits

ALLOWED = "ROLLOUT_BOT_ALLOW_ADDRESSES"
"""The variable with addresses and networks, separated by commas or spaces, that are reached all the same."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CLOSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # metadata and other services of a machine, AWS
        "fd20:ce::254/128",  # metadata, Google Cloud
        "100.100.100.200/32",  # metadata, Alibaba Cloud
        "168.63.129.16/32",  # the host of a machine, Azure
        "192.0.0.192/32",  # metadata, Oracle Cloud's older images
    )
)
# Prefixes whose last 32 bits are an IPv4 address: NAT64, and what translators and old systems write it as.
_ENDING_IN_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))
_NAT64_WITHIN = ipaddress.IPv6Network("64:ff9b:1::/48")
"""In longer prefixes of it the IPv4 address stands further to the left, around bits that are zero (RFC 6052)."""


def session() -> requests.Session:
    """A session that reaches nothing that is closed. Its requests raise OffLimits before a byte is sent there.

    It keeps connections and no cookies: what is sent is what was configured.
    """
    found = requests.Session()
    found.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        found.mount(scheme, _Adapter())
    return found


def closed(text: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an address, written in any way that a system's resolver takes, is off limits. A name never is.

    Raises OffLimits where the variable that opens addresses cannot be read: nothing is guessed then.
    """
    address = _address(text)
    if address is None:
        return False
    opened = _opened(environment.get(ALLOWED, ""))
    # One that is written inside another, such as ::ffff:169.254.169.254, leads to where the inner one does.
    return any(_in(each, _CLOSED) and not _in(each, opened) for each in (address, *_inner(address)))


def _address(text: str) -> Address | None:
    # As a resolver, also that of a proxy, reads it.
    text = text.rstrip(".")
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        # Decimal, octal, hexadecimal and shortened spellings, as the resolver reads them.
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def _inner(address: Address) -> tuple[Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    bits = int(address)
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if _in(address, _ENDING_IN_IPV4):
        found.append(ipaddress.IPv4Address(bits & 0xFFFFFFFF))
    if address in _NAT64_WITHIN:
        found += [ipaddress.IPv4Address(_around_zeros(bits, first)) for first in (48, 56, 64)]
    return tuple(each for each in found if each is not None)


def _around_zeros(bits: int, first: int) -> int:
    """The 32 bits of an address from number `first` on, leaving out the eight from number 64 on."""
    without = bits >> 64 << 56 | bits & (1 << 56) - 1
    return without >> (120 - 32 - first) & 0xFFFFFFFF


def _in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _opened(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each, strict=False) for each in re.split(r"[\s,]+", text.strip()) if each)
    except ValueError:
        raise OffLimits(
            f"{ALLOWED} holds what is no address; allowed: addresses and networks such as 169.254.10.1 or fe80::/64"
        ) from None


def _check(host: str) -> None:
    if closed(host):
        raise OffLimits(
            f"the address leads to the machine's own network or its cloud's credentials, which are off limits; "
            f"where that is meant, allow it with {ALLOWED}"
        )


class _Guarded(HTTPConnection):
    """Looks at every address that a name leads to, and once more at the one that the connection really has."""

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            found = []  # What follows says so in its own words.
        for *_, where in found:
            _check(str(where[0]))
        connection = super()._new_conn()
        try:
            # Between both the name may have come to lead elsewhere.
            _check(str(connection.getpeername()[0]))
        except OffLimits:
            connection.close()
            raise
        return connection


class _GuardedSecure(_Guarded, HTTPSConnection):
    """The same for TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecure


class _Adapter(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        # A proxy connects for us: all that can be judged then is how the address is written.
        _check(urlsplit(request.url or "").hostname or "")
        return super().send(request, *arguments, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def close(self) -> None:
        # By itself urllib3 forgets its connections here, and the garbage collector closes them one day.
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it refuses to be iterated over
                manager.pools[key].close()
        super().close()
