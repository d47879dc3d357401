"""What must never be learned, indexed or suggested: keys, tokens and passwords in source text.

The plugins of detect-secrets decide what is a secret; a few forms of token that it lacks stand beside them.
Only its patterns run: its verification, which asks the services themselves, is never called, so nothing is
sent anywhere. Run on every line it reads some hundred kilobytes a second, so a cheap pass over the text picks
the lines that any pattern could match, and only those are read. What is found is then judged: placeholders,
words in long identifiers, checksums and alphabets are not secrets.

detect-secrets is imported when a line first needs it; texts without such a line never pay for it.

Not here: e-mail and IP addresses (personal.py); what takes a secret's place (data_pipeline/redact.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Characters [start, end) of a text that are a secret. `kind` is detect-secrets' name for it."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Secret]:
    """The secrets of a text in order, none overlapping. Line ends are LF."""
    data = text.encode("ascii", "replace")  # one byte a character, so offsets are the same
    found = list(_private_keys(text)) if b"PRIVATE KEY" in data else []
    for start, end in candidate_lines(data):
        found += _in_line(text[start:end], start)
    return _without_overlaps(found)


def find_slowly(text: str) -> list[Secret]:
    """The same without the choice of lines: what `find` is tested against."""
    found = list(_private_keys(text))
    start = 0
    for line in text.split("\n"):
        found += _in_line(line, start)
        start += len(line) + 1
    return _without_overlaps(found)


def _without_overlaps(found: list[Secret]) -> list[Secret]:
    """In order; of overlapping ones the union, with the kind of the one that begins first and is longest."""
    merged: list[Secret] = []
    for secret in sorted(found, key=lambda s: (s.start, -s.end, s.kind)):
        if merged and secret.start < merged[-1].end:
            end = max(secret.end, merged[-1].end)
            merged[-1] = Secret(kind=merged[-1].kind, start=merged[-1].start, end=end)
        else:
            merged.append(secret)
    return merged


# --- which lines to read -----------------------------------------------------------------------------------

SHORTEST_RUN = 20  # an AWS access key; shorter tokens have a mark of their own
_RUN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-\\"
_MARKS = (b"eyJ", b"AKC", b"hooks.slack.com", b"_authToken", b"PuTTY-User-Key-File", b"xox", b"XOX")
_ARTIFACTORY = re.compile(rb"AP[0-9A-F][A-Za-z0-9]{8}")
_BASIC_AUTH = re.compile(rb"://[^\s/'\"]*@")
# Before "key" and "pass", as detect-secrets' keyword plugin has it; the others stand alone.
_KEY_OF = (
    b"api", b"auth", b"service", b"account", b"db", b"database", b"priv", b"private", b"client",
    b"api_", b"auth_", b"service_", b"account_", b"db_", b"database_", b"priv_", b"private_", b"client_",
)  # fmt: skip
_PASS_OF = (b"db", b"database", b"key", b"db_", b"database_", b"key_")
_WORDS = (b"password", b"passwd", b"pwd", b"secret", b"contrase")
_QUOTES = re.compile(rb"['\"`]")


def candidate_lines(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each line that any pattern could match, in order; `data` has one byte a character."""
    at = [int(offset) for offset in _long_runs(data)]
    lower = data.lower()
    for word in _WORDS:
        at += _occurrences(lower, word)
    at += [i for i in _occurrences(lower, b"key") if lower[max(0, i - 9) : i].endswith(_KEY_OF)]
    at += [i for i in _occurrences(lower, b"pass") if lower[max(0, i - 9) : i].endswith(_PASS_OF)]
    for mark in _MARKS:
        at += _occurrences(data, mark)
    if b"AP" in data:
        at += [match.start() for match in _ARTIFACTORY.finditer(data)]
    if b"://" in data:
        at += [match.start() for match in _BASIC_AUTH.finditer(data)]
    lines: list[tuple[int, int]] = []
    for offset in sorted(at):
        if lines and offset < lines[-1][1]:
            continue
        end = data.find(b"\n", offset)
        lines.append((data.rfind(b"\n", 0, offset) + 1, len(data) if end < 0 else end))
    return lines


def _occurrences(data: bytes, word: bytes) -> list[int]:
    found = []
    at = data.find(word)
    while at >= 0:
        found.append(at)
        at = data.find(word, at + 1)
    return found


@cache
def _run_table() -> NDArray[np.bool_]:
    table = np.ones(256, dtype=np.bool_)
    table[list(_RUN_BYTES)] = False
    return table


def _long_runs(data: bytes) -> list[int]:
    """Where a word of 20 or more token characters begins that mixes letters and digits."""
    breaks = np.flatnonzero(_run_table()[np.frombuffer(data, np.uint8)])
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(data)]))
    long = ends - starts >= SHORTEST_RUN
    pairs = zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    return [start for start, end in pairs if _MIXED.search(data, start, end)]


# Letters and digits, or how a token begins that may by chance have no digit.
_MIXED = re.compile(
    rb"[0-9][^0-9]*[A-Za-z]|[A-Za-z][^A-Za-z]*[0-9]|A3T|ABIA|ACCA|AKIA|ASIA|gh[opsur]_"
    rb"|gl[a-z]{2,6}-|[rs]k_live_"
)


# --- what the patterns say ---------------------------------------------------------------------------------

# Tokens that detect-secrets 1.5 has no plugin for, in the forms their issuers document.
_MORE_TOKENS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("GitHub Token", r"\bgithub_pat_[A-Za-z0-9_]{60,}"),
        ("Google API Key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("Google OAuth Secret", r"\bGOCSPX-[0-9A-Za-z_-]{28}"),
        ("Hugging Face Token", r"\bhf_[A-Za-z0-9]{34}"),
        ("NPM tokens", r"\bnpm_[A-Za-z0-9]{36}"),
        ("OpenAI Token", r"\bsk-(?:proj-|svcacct-)[A-Za-z0-9_-]{40,}"),
        ("Anthropic Token", r"\bsk-ant-[A-Za-z0-9_-]{40,}"),
        ("Slack Token", r"\bxapp-\d-[A-Z0-9]+-\d+-[a-z0-9]{20,}"),
        ("Databricks Token", r"\bdapi[a-f0-9]{32}"),
        ("DigitalOcean Token", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    )
)
# Values without quotes, as in shell commands, settings and headers, also where a comment shows them. Each is
# of SHORTEST_RUN token characters at least, with letters and digits, so the long runs lead to its line.
_HEADER = "HTTP Header"
_BARE = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("Secret Keyword", r"(?:secret|token|passw(?:or)?d|"
                           r"(?:api|access|auth|private|account|service)[_-]?key)"
                           r"[\w-]{0,30}[ \t]{0,3}[:=][ \t]{0,3}"
                           r"([A-Za-z0-9+/_-]{20,200}={0,2})(?![\w.(\[+/-])"),
        (_HEADER, r"\bauthorization[ \t]{0,3}:[ \t]{0,3}(?:[a-z]{1,20}[ \t]{1,3})?"
                  r"([A-Za-z0-9+/_-]{20,500}={0,2})(?![\w.(\[+/-])"),
        (_HEADER, r"\b(?:x-[a-z-]{0,40}|api-?)(?:key|token|secret|auth)[ \t]{0,3}:[ \t]{0,3}"
                  r"([A-Za-z0-9+/_-]{20,500}={0,2})(?![\w.(\[+/-])"),
    )
)  # fmt: skip
# detect-secrets ends a password at "!" and "$", which URLs allow in one.
_PASSWORD_IN_URL = re.compile(r"://[^\s:/@'\"<>{}]{0,100}:([^\s:/@'\"<>{}]{6,200})@(?=[A-Za-z0-9\[])")
_ENTROPY = ("Base64 High Entropy String", "Hex High Entropy String")
# Their patterns group the prefix, and `analyze_string` gives the group in place of the token.
_GROUPED = frozenset({"GitHub Token", "GitLab Token"})
_KEYWORD = "Secret Keyword"
_WEB_TOKEN = "JSON Web Token"  # noqa: S105 - a kind of secret, as the ones around it
_BASIC = "Basic Auth Credentials"
# Private keys are found as whole blocks below, and addresses are not secrets.
_UNUSED = frozenset({"Private Key", "Public IP (ipv4)"})


@cache
def _plugins() -> tuple[tuple[str, Any], ...]:
    """detect-secrets' plugins by the kind of secret they find, made once. Importing them imports requests."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return tuple((kind, classes[kind]()) for kind in sorted(classes) if kind not in _UNUSED)


def _in_line(line: str, offset: int) -> Iterator[Secret]:
    for kind, plugin in _plugins():
        for value in sorted(_values(kind, plugin, line)):
            if not is_secret(kind, value, line):
                continue
            if kind in _ENTROPY and plugin.calculate_shannon_entropy(value) <= plugin.entropy_limit:
                continue
            for start in _places(line, value, kind):
                end = start + len(value)
                if kind == _WEB_TOKEN and (rest := _SIGNATURE.match(line, end)):
                    end = rest.end()
                yield Secret(kind=kind, start=offset + start, end=offset + end)
    for kind, pattern in _MORE_TOKENS:
        for match in pattern.finditer(line):
            if is_secret(kind, match.group(), line):
                yield Secret(kind=kind, start=offset + match.start(), end=offset + match.end())
    for kind, pattern in _BARE:
        for match in pattern.finditer(line):
            if _is_bare_secret(match.group(1)):
                yield Secret(kind=kind, start=offset + match.start(1), end=offset + match.end(1))
    for match in _PASSWORD_IN_URL.finditer(line):
        value = match.group(1)
        if _is_password(value[0] + value[1:].replace("$", "")):  # inside, "$" begins no template
            yield Secret(kind=_BASIC, start=offset + match.start(1), end=offset + match.end(1))


def _values(kind: str, plugin: Any, line: str) -> set[str]:
    """What the plugin finds in the line."""
    if kind in _GROUPED:
        return {match.group() for pattern in plugin.denylist for match in pattern.finditer(line)}
    # Some patterns take the quotes or blanks around the token along.
    return {
        value.strip(' \t"=:') if kind == "Artifactory Credentials" else value
        for value in plugin.analyze_string(line)
    }


def _places(line: str, value: str, kind: str) -> Iterator[int]:
    """Where the value stands in the line: not as a part of a longer word, or it is none of this kind."""
    at = line.find(value)
    while at >= 0:
        before, after = line[at - 1 : at], line[at + len(value) :][:1]
        # A web token's pattern ends before its signature.
        if kind in (_KEYWORD, _BASIC, _WEB_TOKEN) or not (before.isalnum() or after.isalnum()):
            yield at
        at = line.find(value, at + len(value))


_SIGNATURE = re.compile(r"[A-Za-z0-9_.+/=-]*")
_PEM = re.compile(
    r"-----BEGIN (?P<name>[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----(?P<body>.{0,20000}?)(?:-----END "
    r"(?P=name)-----|\Z)",
    re.DOTALL,
)
_PEM_MARKUP = re.compile(r"\\[nrt]|[\s'\"+,()\\#*/-]|Proc-Type:[^\n]*|DEK-Info:[^\n]*")
LEAST_BASE64 = 0.8  # of what is written between the markers
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=]{16,}")


def _private_keys(text: str) -> Iterator[Secret]:
    """PEM blocks from BEGIN to END, also where every line is a string of its own; markers alone are code."""
    for match in _PEM.finditer(text):
        pieces = _PEM_BODY.findall(match.group("body"))
        written = len(_PEM_MARKUP.sub("", match.group("body")))
        if sum(map(len, pieces)) >= max(64, LEAST_BASE64 * written):
            end = match.end()
            if not match.group().endswith("-----"):  # the end is missing: as far as it looks like a key
                end = match.start("body") + max(m.end() for m in _PEM_BODY.finditer(match.group("body")))
            yield Secret(kind="Private Key", start=match.start(), end=end)


# --- what is not a secret after all ------------------------------------------------------------------------

_DUMMY = re.compile(
    r"example|dummy|fake|placeholder|change.?me|changeit|redacted|x{4,}|X{4,}|\*{3,}|\.{3}|your"
    r"|insert|todo|sample"
    r"|s[e3][ck]r[e3]t|p[a4@][s5$]{2}|token|mock|test|foobar|some|abcdef|abc123|qwerty|12345|deadbeef"
    r"|cafebabe|(.)\1{5,}",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"[{}<>]|%\(|%[sdr]|\$[A-Za-z_({]|\\[nrtux]|^\W|\.(?:get|format|join)\b")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CHECKSUM_LINE = re.compile(
    r"sha\d|md5|blake|digest|checksum|hash|commit|integrity|revision|\brev\b|etag|crc|fingerprint"
    r"|uuid|guid|hex",
    re.IGNORECASE,
)
SHORTEST_HEX = 32  # 128 bits; shorter hex is colours, versions and identifiers
SHORTEST_PASSWORD = 6


# Plugins whose form alone says what it is; the others look for any token of some length.
_MARKED = frozenset(
    {
        "AWS Access Key",
        "Azure Storage Account access key",
        "GitHub Token",
        "GitLab Token",
        "NPM tokens",
        "OpenAI Token",
        "PyPI Token",
        "SendGrid API Key",
        "Slack Token",
        "Square OAuth Secret",
        "Stripe Access Key",
        *(kind for kind, _ in _MORE_TOKENS),
    }
)
_EXAMPLE = re.compile(r"example|x{6,}|(.)\1{7,}|your", re.IGNORECASE)


def is_secret(kind: str, value: str, line: str) -> bool:
    """Whether what a pattern of this kind found in this line is worth hiding."""
    if kind == _KEYWORD:
        return _is_password(value)
    if kind == _BASIC:
        return _is_password(value)
    if kind in _ENTROPY:
        if _DUMMY.search(value) or _UUID.search(value) or _CHECKSUM_LINE.search(line):
            return False
        return looks_random(value) and (kind == _ENTROPY[0] or len(value) >= SHORTEST_HEX)
    if kind == _WEB_TOKEN:
        return value.count(".") == 2 and len(value) >= 40
    if kind in _MARKED:
        return not _EXAMPLE.search(value)
    return not _DUMMY.search(value) and not _CHECKSUM_LINE.search(line) and looks_random(value)


def _is_bare_secret(value: str) -> bool:
    """Whether a value without quotes behind the name of a secret is one, and not an expression of code."""
    return (
        looks_random(value)
        and re.search(r"[0-9]", value) is not None
        and re.search(r"[A-Za-z]", value) is not None
        and not _EXAMPLE.search(value)
        and not _UUID.search(value)
    )


def _is_password(value: str) -> bool:
    """Whether a literal given to something called a password is one: neither words nor a placeholder."""
    if len(value) < SHORTEST_PASSWORD or len(value) > 200 or any(map(str.isspace, value)):
        return False
    if _UUID.search(value):
        return False
    if len(value) >= SHORTEST_RUN and looks_random(value):
        return not _EXAMPLE.search(value)
    if _DUMMY.search(value) or _TEMPLATE.search(value):
        return False
    # Names of fields, settings, routes and modules are words joined by marks.
    return bool(_NOT_A_NAME.search(value)) and not _NAMES.fullmatch(value)


_NOT_A_NAME = re.compile(r"[0-9!@#$%^&*?~]")
_NAMES = re.compile(r"[A-Za-z]+\d?(?:[-_./:]+[A-Za-z]*\d?)*")


def looks_random(value: str) -> bool:
    """Whether the kinds of character change as often as by chance, and the whole is not a known sequence.

    In base64 of random bytes 62 % of neighbours are of different kinds (upper, lower, digit), in hex 47 %; in
    names, paths and sentences under 25 %.
    """
    kinds = ["0" if c.isdigit() else "A" if c.isupper() else "a" for c in value if c.isalnum()]
    if len(kinds) < 12 or len(set(kinds)) < 2 or len(_JOINED_WORDS.findall(value)) > 1:
        return False
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes >= LEAST_CHANGES * (len(kinds) - 1) and not _is_sequence(value)


LEAST_CHANGES = 0.28
_JOINED_WORDS = re.compile(r"(?:^|(?<=[-_/=.]))[A-Z]?[a-z]{3,}(?=[-_/=.]|$)")


def _is_sequence(value: str) -> bool:
    """Alphabets and the like: most characters follow the one before."""
    steps = sum(ord(b) - ord(a) in (0, 1, -1) for a, b in pairwise(value))
    return steps > 0.4 * len(value)
