"""Where a remote engine listens: an address that holds no secret, and what is known of it by looking at it.

Pure: no name is looked up. Not here: the connection (client.py), the key (keys.py).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from model.errors import ConfigError

_SETTING = "the setting tabwright.engineUrl"
_EXAMPLE = "such as https://models.example.org/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The base of an endpoint. `url` has no slash at its end; `host` is as a person would name it."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a key belongs to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine by its name."""
        address = _as_number(self.host)
        return self.host == "localhost" if address is None else address.is_loopback

    @property
    def is_private(self) -> bool:
        """Whether it is surely this machine or of a private network, by its number or a local name."""
        address = _as_number(self.host)
        if address is not None:
            return address.is_private or address.is_loopback or address.is_link_local
        return "." not in self.host or self.host.endswith((".local", ".lan", ".internal", ".home.arpa"))

    @property
    def warning(self) -> str | None:
        """What somebody should know before text goes there."""
        if self.scheme == "https" or self.is_private:
            return None
        return (
            f"{_SETTING} is not encrypted, and {self.host} is not a name of this machine or network: whoever "
            "is on the way can read your code; use https"
        )


def read(text: str) -> Address:
    """The address of a setting. Raises ConfigError for one that cannot be used or that holds a secret."""
    text = text.strip()
    if not text:
        raise ConfigError(f"{_SETTING} is empty; with the engine openai it names the server, {_EXAMPLE}")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ConfigError(f"{_SETTING} is no address; write one {_EXAMPLE}") from None
    if any(not "!" <= character <= "~" for character in text):
        raise ConfigError(f"{_SETTING} holds a blank or a character beyond ASCII; write one {_EXAMPLE}")
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{_SETTING} must begin with https:// or http:// and name a host, {_EXAMPLE}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # What stands there is likely a key, so it is not shown.
        raise ConfigError(
            f"{_SETTING} must hold no user, password, query or fragment; a key goes into the environment "
            "variable TABWRIGHT_API_KEY or the system's keyring"
        )
    path = parts.path.rstrip("/").removesuffix("/completions").rstrip("/")
    return Address(
        url=f"{parts.scheme}://{parts.netloc}{path}",
        scheme=parts.scheme,
        host=host,
        port=port or (443 if parts.scheme == "https" else 80),
    )


def _as_number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
