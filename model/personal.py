"""Personal data in source text: e-mail addresses, and IP addresses of real hosts.

Addresses are looked for anywhere in the text; whoever replaces them looks in comments and strings only, since
`x@y.shape` is a product of matrices. What names nobody is left alone: domains and address blocks reserved for
documentation (RFC 2606, 5737, 3849), private, local and multicast addresses (as `ipaddress` knows them from
IANA's registries), public name servers, addresses of one digit a part, networks, and numbers of versions.

Not here: secrets (secrets.py).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

PersonalKind = Literal["e-mail", "IP address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Characters [start, end) of a text that name a person or a host."""

    kind: PersonalKind
    start: int
    end: int


def find(text: str) -> list[Personal]:
    """The addresses of a text, in order."""
    found = [*_emails(text), *_ip_addresses(text)]
    return sorted(found, key=lambda p: p.start)


# RFC 5322's dot-atom, as mail is written in practice.
_LOCAL_END = re.compile(r"[A-Za-z0-9_%+-]")
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]*\Z")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<top>[A-Za-z]{2,24})"
    r"(?![A-Za-z0-9_(]|-[A-Za-z0-9_])"
)
_LONGEST_LOCAL = 64
_RESERVED_DOMAIN = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost|local|localdomain|internal|lan)$"
    r"|(?:^|\.)example\.(?:com|net|org|edu)$|^example\.[a-z]{2,24}(?:\.[a-z]{2})?$"
    # What people write where they mean no domain; none of these gives out mailboxes.
    r"|(?:^|\.)(?:(?:my-?|your-?|some-?)?(?:domain|company|site|website|server)|foo|bar|baz|foobar|acme|corp"
    r"|test|dummy|fake)\.com$|^(?:domain|yourdomain|mydomain|company|host)\.tld$"
    r"|^(?:foo\.bar|bar\.baz|foo\.org)$"
    r"|^users\.noreply\.github\.com$|^(?:openssh\.com|libssh\.org)$",  # those two name algorithms
    re.IGNORECASE,
)
# Accounts of programs and forges: "git@github.com:a/b" names no one.
_RESERVED_LOCAL = frozenset(
    {"git", "hg", "svn", "noreply", "no-reply", "user", "username", "example", "postgres", "root"}
)
_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "py", "js", "ts", "css", "json", "html", "txt", "md", "yml", "yaml"}
)


def _emails(text: str) -> Iterator[Personal]:
    at = text.find("@")
    while at >= 0:
        # The cheap test first: decorators and products have a blank or a line start before the sign.
        if at > 0 and _LOCAL_END.match(text, at - 1) and (domain := _DOMAIN.match(text, at + 1)):
            local = _LOCAL.search(text, max(0, at - _LONGEST_LOCAL), at)
            if local is not None and _names_someone(local.group(), domain.group(), domain.group("top")):
                yield Personal(kind="e-mail", start=local.start(), end=domain.end())
        at = text.find("@", at + 1)


def _names_someone(local: str, domain: str, top: str) -> bool:
    return (
        local.lower() not in _RESERVED_LOCAL
        and top.lower() not in _FILE_ENDINGS
        and not _RESERVED_DOMAIN.search(domain)
    )


_DIGITS_TO_0 = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_IPV4_SHAPE = re.compile(rb"0\.00?0?\.00?0?\.0")  # it begins with fixed bytes, which `re` finds fast
_IPV4 = re.compile(r"(?<![\w.+-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w|/\d{1,2}\b)")  # "/8": a network
_IPV6 = re.compile(
    r"(?<![\w:.])(?:(?:[0-9a-fA-F]{1,4}:){2,7}(?:[0-9a-fA-F]{1,4}|:)(?::?[0-9a-fA-F]{1,4}){0,6}"
    r"|(?<![\w\])]\[)[23][0-9a-fA-F]{3}::[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})(?![\w:])"
)  # the second form is no slice: a[2000::50]
_VERSION_BEFORE = re.compile(
    r"(?:version|release|build|section|chapter|v|ver|[=<>~^!]=|\brev)\W{0,4}$", re.IGNORECASE
)
_NAME_SERVERS = frozenset(
    {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220",
     "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111"}
)  # fmt: skip


def _ip_addresses(text: str) -> Iterator[Personal]:
    ipv4 = _IPV4_SHAPE.search(text.encode("ascii", "replace").translate(_DIGITS_TO_0)) is not None
    for match in _IPV4.finditer(text) if ipv4 else ():
        value = match.group()
        if (
            _is_host(value)
            and not re.fullmatch(r"\d(?:\.\d){3}|.*\.0", value)
            and not _VERSION_BEFORE.search(text, max(0, match.start() - 12), match.start())
        ):
            yield Personal(kind="IP address", start=match.start(), end=match.end())
    if "::" in text or text.count(":") >= 7:
        for match in _IPV6.finditer(text):
            if sum(map(str.isdigit, match.group())) >= 3 and _is_host(match.group()):
                yield Personal(kind="IP address", start=match.start(), end=match.end())


def _is_host(value: str) -> bool:
    """Whether this is the address of one host in the internet."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and value not in _NAME_SERVERS
