"""What must never be learned, indexed or suggested: keys, tokens and passwords in source text.

The plugins of detect-secrets decide what is a secret; a few forms of token that it lacks stand beside them.
Only its patterns run: its verification, which asks the services themselves, is never called, so nothing is
sent anywhere. Run on every line it reads some hundred kilobytes a second, so a cheap pass over the text picks
the lines that any pattern could match, and only those are read. What is found is then judged: placeholders,
words in long identifiers, checksums and alphabets are not secrets.

detect-secrets is imported when a line first needs it; texts without such a line never pay for it. It is a
dependency of the serving install too (4 MB on disk with requests, urllib3 and charset_normalizer; the rest of
what it needs is there), because a second set of patterns would drift from the one that cleans the corpus. It
asks for `requests` at its import, for its verification alone, which would take 0.25 s of CPU time and 14 MB;
unless the process has it, an empty module stands in (0.07 s, 3 MB), and no HTTP client is loaded. Nothing
else in a process that serves imports `requests`, or it might meet the empty one meanwhile.

Not found, as no pattern tells them from code: passwords of less than six characters, with blanks, of words
alone, or that look like a name, an option or a placeholder; short ones where nothing says what they are, as
in `login("bob", "…")`; what is put together from several strings, but for private keys.

Not here: e-mail and IP addresses (personal.py); what the pipeline writes in their place
(data_pipeline/redact.py); what is done with a suggestion (lsp_server/secrecy.py).
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Characters [start, end) of a text that are a secret. `kind` is detect-secrets' name for it."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Secret]:
    """The secrets of a text in order, none overlapping. Line ends are LF."""
    return without_overlaps([*private_keys(text), *in_lines(text)])


def in_lines(text: str, *, longest: int | None = None) -> list[Secret]:
    """The secrets that stand within one line, line by line; they may overlap.

    A line of more than `longest` characters is not read: where it may hold one, all of it counts as one. Nor
    is one that says "secret" over and over, which takes detect-secrets seconds.
    """
    found: list[Secret] = []
    data = text.encode("ascii", "replace")  # one byte a character, so offsets are the same
    for start, end in candidate_lines(data):
        if longest is not None and (end - start > longest or _repeats_names(data, start, end)):
            found.append(Secret(kind=UNREAD, start=start, end=end))
        else:
            found += _in_line(text[start:end], start)
    return found


def _repeats_names(data: bytes, start: int, end: int) -> bool:
    """Whether a line has more names of secrets than anybody would read; short ones take no time."""
    return end - start > _SHORT_LINE and len(_ANY_NAME.findall(data, start, end)) > _MOST_ON_A_LINE


def find_slowly(text: str) -> list[Secret]:
    """The same without the choice of lines: what `find` is tested against."""
    found = private_keys(text)
    start = 0
    for line in text.split("\n"):
        found += _in_line(line, start)
        start += len(line) + 1
    return without_overlaps(found)


def without_overlaps(found: Iterable[Secret]) -> list[Secret]:
    """In order; of overlapping ones the union, with the kind of the one that begins first and is longest."""
    merged: list[Secret] = []
    for secret in sorted(found, key=lambda s: (s.start, -s.end, s.kind)):
        if merged and secret.start < merged[-1].end:
            end = max(secret.end, merged[-1].end)
            merged[-1] = Secret(kind=merged[-1].kind, start=merged[-1].start, end=end)
        else:
            merged.append(secret)
    return merged


# --- what takes their place --------------------------------------------------------------------------------

PLACEHOLDER, KEY_PLACEHOLDER = "<SECRET>", "<PRIVATE_KEY>"
UNREAD = "Unread Line"
_PRIVATE_KEY = "Private Key"
_MOST_ROUNDS = 4
# What is shorter may be a word that other places have a right to.
_SHORTEST_SPREAD = 8  # characters
# An address before the secret part of it is everybody's.
_ADDRESS = re.compile(r"\w+://[^/\s]*/")


def hidden(text: str) -> str:
    """The text with a placeholder for each secret, as `hide`."""
    return hide(text)[0]


def hide(text: str, *, longest: int | None = None) -> tuple[str, list[str]]:
    """The text with a placeholder for each secret, line ends kept, and the secrets' characters.

    A secret is hidden wherever else in the text it stands as well. `longest` as in `in_lines`.
    """
    known: list[str] = []
    for _ in range(_MOST_ROUNDS):  # what is hidden may uncover another: some patterns find one a line
        found = without_overlaps([*private_keys(text), *in_lines(text, longest=longest)])
        if not found:
            break
        known += (new := values(text, found))
        text = without_values(replaced(text, found), new)
    return text, known


def without_values(text: str, known: Iterable[str]) -> str:
    """The text with a placeholder wherever one of these stands by itself, unless it is very short."""
    for value in known:
        if len(value) >= _SHORTEST_SPREAD and value in text:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", PLACEHOLDER, text)
    return text


def replaced(text: str, found: Sequence[Secret]) -> str:
    """The text with placeholders for these, which are in order and apart; as many lines as before."""
    parts, at = [], 0
    for secret in found:
        placeholder = KEY_PLACEHOLDER if secret.kind == _PRIVATE_KEY else PLACEHOLDER
        parts += [text[at : secret.start], placeholder, "\n" * text.count("\n", secret.start, secret.end)]
        at = secret.end
    return "".join((*parts, text[at:]))


def values(text: str, found: Iterable[Secret]) -> list[str]:
    """The characters of secrets by which they are known again: of a key its lines without the markup."""
    known: list[str] = []
    for secret in found:
        value = text[secret.start : secret.end]
        if secret.kind == _PRIVATE_KEY:
            known += _PEM_BODY.findall(value)
        elif secret.kind != UNREAD:
            known.append(_ADDRESS.sub("", value, count=1))
    return [value for value in known if value]


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
    b"api-", b"auth-", b"service-", b"account-", b"db-", b"database-", b"priv-", b"private-", b"client-",
)  # fmt: skip
_PASS_OF = (b"db", b"database", b"key", b"db_", b"database_", b"key_")
_WORDS = (b"password", b"passwd", b"pwd", b"secret", b"contrase")
_QUOTES = re.compile(rb"['\"`]")
_ANY_NAME = re.compile(
    rb"(?:api|auth|service|account|db|database|priv|private|client)[_-]?key|pass|pwd|secret|contrase",
    re.IGNORECASE,
)
_SHORT_LINE = 150  # characters


def candidate_lines(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each line that any pattern could match, in order; `data` has one byte a character."""
    at = [int(offset) for offset in _long_runs(data)]
    lower = data.lower()
    for word in _WORDS:
        at += _occurrences(lower, word)
    at += [i for i in _occurrences(lower, b"key") if lower[max(0, i - 9) : i].endswith(_KEY_OF)]
    at += [i for i in _occurrences(lower, b"pass") if lower[max(0, i - 9) : i].endswith(_PASS_OF)]
    for word in _WEAK_NAMES:
        at += [i for i in _occurrences(lower, word) if _WEAK_BYTES.match(data, i)]
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
    import numpy as np

    table = np.ones(256, dtype=np.bool_)
    table[list(_RUN_BYTES)] = False
    return table


def _long_runs(data: bytes) -> list[int]:
    """Where a word of 20 or more token characters begins that mixes letters and digits."""
    if len(data) < _FEW:  # lines of somebody who types: each call of numpy costs more than reading them
        return [run.start() for run in _RUN.finditer(data) if _MIXED.search(data, *run.span())]
    import numpy as np  # late: a server that starts has other things to load first

    breaks = np.flatnonzero(_run_table()[np.frombuffer(data, np.uint8)])
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(data)]))
    long = ends - starts >= SHORTEST_RUN
    pairs = zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    return [start for start, end in pairs if _MIXED.search(data, start, end)]


_FEW = 1000  # bytes
_RUN = re.compile(rb"[%s]{%d,}" % (re.escape(_RUN_BYTES), SHORTEST_RUN))
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
        ("HashiCorp Vault Token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
        ("New Relic Key", r"\bNRAK-[A-Z0-9]{27}"),
        ("Heroku Key", r"\bHRKU-[A-Za-z0-9_-]{30,}"),
        ("Shopify Token", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ("age Key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}"),
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
        (_HEADER, r"['\"](?:bearer|basic|token)[ \t]{1,3}([A-Za-z0-9+/_.-]{20,500}={0,2})['\"]"),
        (_HEADER, r"\b(?:x-[a-z-]{0,40}|api-?)(?:key|token|secret|auth)[ \t]{0,3}:[ \t]{0,3}"
                  r"([A-Za-z0-9+/_-]{20,500}={0,2})(?![\w.(\[+/-])"),
    )
)  # fmt: skip
# As detect-secrets' keyword plugin, also for defaults and arguments, and where a password begins with a mark.
_NAME = (
    r"(?:passw(?:or)?d|pwd|secret|(?:api|auth|service|account|db|database|priv|private|client)[_-]?key"
    r"|(?:db|database|key)_?pass)"
)
_QUOTED = re.compile(
    rf"{_NAME}\w{{0,40}}['\"\]]{{0,2}}[ \t]{{0,3}}(?:[:=]{{1,3}}>?|,|\()[ \t]{{0,3}}(?:default[ \t]?=[ \t]?)?"
    r"b?(['\"])([^\s'\"]{6,200})\1",
    re.IGNORECASE | re.ASCII,
)
# In queries, connection strings, shells and settings; the second only what cannot be a name.
_IN_STRINGS = re.compile(rf"[;?&]{_NAME}=([^\s;&'\"{{}}<>]{{6,200}})", re.IGNORECASE)
_SHORT_BARE = re.compile(
    rf"{_NAME}\w{{0,30}}[ \t]{{0,3}}[:=][ \t]{{0,3}}([\w!@#%^&*+/-]{{11,200}})(?![\w.(\[])",
    re.IGNORECASE | re.ASCII,
)
# Names that other things have too: only of what cannot be a name itself.
_WEAK_NAMES = (b"token", b"pass", b"pw", b"credential")
_WEAK = (
    r"(?:token|pass|pw|credential)\w{0,20}['\"\]]{0,2}[ \t]{0,3}[:=]{1,2}[ \t]{0,3}"
    r"b?['\"]([^\s'\"]{11,200})['\"]"
)
_WEAK_TEXT = re.compile(_WEAK, re.IGNORECASE | re.ASCII)
_WEAK_BYTES = re.compile(_WEAK.encode(), re.IGNORECASE)
# As issuers make them that nobody has listed: what it is, then a long random word.
_PREFIXED = re.compile(r"(?<![\w-])[a-z]{2,10}(?:[-_][a-z]{2,10}){0,2}[-_]([A-Za-z0-9]{24,200})(?![\w-])")
# detect-secrets ends a password at "!" and "$", which URLs allow in one.
_PASSWORD_IN_URL = re.compile(r"://[^\s:/@'\"<>{}]{0,100}:([^\s:/@'\"<>{}]{6,200})@(?=[A-Za-z0-9\[])")
_ENTROPY = ("Base64 High Entropy String", "Hex High Entropy String")
# Their patterns group the prefix, and `analyze_string` gives the group in place of the token.
_GROUPED = frozenset({"GitHub Token", "GitLab Token"})
_KEYWORD = "Secret Keyword"
_WEB_TOKEN = "JSON Web Token"  # noqa: S105 - a kind of secret, as the ones around it
_BASIC = "Basic Auth Credentials"
# Private keys are found as whole blocks below, and addresses are not secrets.
_UNUSED = frozenset({_PRIVATE_KEY, "Public IP (ipv4)"})
_importing = threading.Lock()


@cache
def _plugins() -> tuple[tuple[str, Any], ...]:
    """detect-secrets' plugins by the kind of secret they find, made once."""
    with _importing, _without_http():
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

        classes: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return tuple((kind, classes[kind]()) for kind in sorted(classes) if kind not in _UNUSED)


@contextlib.contextmanager
def _without_http() -> Iterator[None]:
    """Meanwhile an empty module is found as `requests`, unless the real one is loaded already."""
    name = "requests"
    stand_in = ModuleType(name, "Empty: nothing is verified.")
    stand_in.Response = object  # type: ignore[attr-defined]  # named in annotations
    real = sys.modules.setdefault(name, stand_in)
    try:
        yield
    finally:
        if real is stand_in:
            del sys.modules[name]


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
    for pattern, group, judge in _NAMED:
        for match in pattern.finditer(line):
            if judge(match.group(group)):
                yield Secret(kind=_KEYWORD, start=offset + match.start(group), end=offset + match.end(group))
    for match in _PREFIXED.finditer(line):
        if _is_mixed(match.group(1)) and not _is_checksum(match.group(), line):
            yield Secret(kind="Prefixed Token", start=offset + match.start(), end=offset + match.end())
    for match in _PASSWORD_IN_URL.finditer(line):
        value = match.group(1)
        if _is_password(value[0] + value[1:].replace("$", "")):  # inside, "$" begins no template
            yield Secret(kind=_BASIC, start=offset + match.start(1), end=offset + match.end(1))


def _values(kind: str, plugin: Any, line: str) -> set[str]:
    """What the plugin finds in the line."""
    if kind in _GROUPED:
        return {match.group() for pattern in plugin.denylist for match in pattern.finditer(line)}
    if kind == _KEYWORD:
        return _keyword_values(plugin, line)
    # Some patterns take the quotes or blanks around the token along.
    return {
        value.strip(' \t"=:') if kind == "Artifactory Credentials" else value
        for value in plugin.analyze_string(line)
    }


def _keyword_values(plugin: Any, line: str) -> set[str]:
    """What stands behind each name of a secret: the plugin stops at the first of a form."""
    found: set[str] = set()
    for _ in range(_MOST_ON_A_LINE):
        here = set(plugin.analyze_string(line))
        if not here:
            break
        found |= here
        line = line[min(line.index(value) + len(value) for value in here) :]
    return found


_MOST_ON_A_LINE = 20


def _places(line: str, value: str, kind: str) -> Iterator[int]:
    """Where the value stands in the line: not as a part of a longer word, or it is none of this kind."""
    at = line.find(value)
    while at >= 0:
        before, after = line[at - 1 : at], line[at + len(value) :][:1]
        # A web token's pattern ends before its signature.
        if kind in (_KEYWORD, _BASIC, _WEB_TOKEN) or not (before.isalnum() or after.isalnum()):
            yield at
        at = line.find(value, at + len(value))


KEY_MARK = "PRIVATE KEY"
_SIGNATURE = re.compile(r"[A-Za-z0-9_.+/=-]*")
_PEM_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----")
_LONGEST_KEY = 20_000  # characters between the markers
_PEM_MARKUP = re.compile(r"\\[nrt]|[\s'\"+,()\\#*/-]|Proc-Type:[^\n]*|DEK-Info:[^\n]*")
LEAST_BASE64 = 0.8  # of what is written between the markers
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=]{16,}")


def private_keys(text: str) -> list[Secret]:
    """PEM blocks from BEGIN to END, also where every line is a string of its own; markers alone are code."""
    found = []
    last = 0
    for begin in _PEM_BEGIN.finditer(text) if KEY_MARK in text else ():
        if begin.start() < last:
            continue
        mark, start = f"-----END {begin.group(1)}-----", begin.end()
        stop = text.find(mark, start, start + _LONGEST_KEY + len(mark))
        if stop < 0 and len(text) - start > _LONGEST_KEY:
            continue
        body = text[start:stop] if stop >= 0 else text[start:]
        last = start + len(body) + (len(mark) if stop >= 0 else 0)
        pieces = _PEM_BODY.findall(body)
        if sum(map(len, pieces)) >= max(64, LEAST_BASE64 * len(_PEM_MARKUP.sub("", body))):
            end = last
            if stop < 0 and not body.endswith("-----"):  # the end is missing: as far as it looks like a key
                end = start + max(m.end() for m in _PEM_BODY.finditer(body))
            found.append(Secret(kind=_PRIVATE_KEY, start=begin.start(), end=end))
    return found


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
LEAST_OF_UUID = 11  # different characters: of 32 by chance there are 14


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
        if _DUMMY.search(value) or _UUID.search(value) or _is_checksum(value, line):
            return False
        return looks_random(value) and (kind == _ENTROPY[0] or len(value) >= SHORTEST_HEX)
    if kind == _WEB_TOKEN:
        return value.count(".") == 2 and len(value) >= 40
    if kind in _MARKED:
        return not _EXAMPLE.search(value)
    is_random = looks_random(value) or _LONG_HEX.search(value) is not None
    return not _DUMMY.search(value) and not _is_checksum(value, line) and is_random


def _is_checksum(value: str, line: str) -> bool:
    """Whether the line says so; the value itself only at its beginning, as in `sha256-…`."""
    return _CHECKSUM_LINE.search(line.replace(value, value[:_LONGEST_CHECKSUM_NAME])) is not None


_LONGEST_CHECKSUM_NAME = 7


def _is_bare_secret(value: str) -> bool:
    """Whether a value without quotes behind the name of a secret is one, and not an expression of code."""
    return (
        (looks_random(value) or _LONG_HEX.fullmatch(value) is not None)
        and re.search(r"[0-9]", value) is not None
        and re.search(r"[A-Za-z]", value) is not None
        and not _EXAMPLE.search(value)
        and not _UUID.search(value)
    )


_LONG_HEX = re.compile(rf"[0-9a-fA-F]{{{SHORTEST_HEX},}}")


def _is_password(value: str) -> bool:
    """Whether a literal given to something called a password is one: neither words nor a placeholder."""
    if len(value) < SHORTEST_PASSWORD or len(value) > 200 or any(map(str.isspace, value)):
        return False
    if _UUID.search(value):
        return bool(_UUID.fullmatch(value)) and not _DUMMY.search(value) and len(set(value)) > LEAST_OF_UUID
    if (len(value) >= SHORTEST_RUN and looks_random(value)) or _is_mixed(value):
        return not _EXAMPLE.search(value)
    if _DUMMY.search(value) or _TEMPLATE.search(value):
        return False
    # Names of fields, settings, routes and modules are words joined by marks.
    return bool(_NOT_A_NAME.search(value)) and not _NAMES.fullmatch(value)


def _is_mixed(value: str) -> bool:
    """Whether no name or word is written like this: both cases and digits, in parts shorter than words."""
    letters = len(_kinds(value))
    return (
        len(value) >= SHORTEST_MIXED
        and len(set(_kinds(value))) == len("Aa0")
        and len(_PARTS.findall(value)) >= LEAST_PARTS * letters
        and not _TEMPLATE.search(value.lstrip("!#&*+-.=?@^_~"))
    )


SHORTEST_MIXED = 11  # characters
LEAST_PARTS = 0.33  # of the characters: by chance it is one in two, in names one in four
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# What is looked for, its group, and what has to be said for it.
_NAMED: tuple[tuple[re.Pattern[str], int, Callable[[str], bool]], ...] = (
    (_QUOTED, 2, _is_password),
    (_IN_STRINGS, 1, _is_password),
    (_SHORT_BARE, 1, _is_mixed),
    (_WEAK_TEXT, 1, _is_mixed),
)
_NOT_A_NAME = re.compile(r"[0-9!@#$%^&*?~]")
_NAMES = re.compile(r"[A-Za-z]+\d?(?:[-_./:]+[A-Za-z]*\d?)*")


def looks_random(value: str) -> bool:
    """Whether the kinds of character change as often as by chance, and the whole is not a known sequence.

    In base64 of random bytes 62 % of neighbours are of different kinds (upper, lower, digit), in hex 47 %; in
    names, paths and sentences under 25 %.
    """
    kinds = _kinds(value)
    if len(kinds) < 12 or len(set(kinds)) < 2 or len(_JOINED_WORDS.findall(value)) > 1:
        return False
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes >= LEAST_CHANGES * (len(kinds) - 1) and not _is_sequence(value)


def _kinds(value: str) -> list[str]:
    return ["0" if c.isdigit() else "A" if c.isupper() else "a" for c in value if c.isalnum()]


LEAST_CHANGES = 0.28
_JOINED_WORDS = re.compile(r"(?:^|(?<=[-_/=.]))[A-Z]?[a-z]{3,}(?=[-_/=.]|$)")


def _is_sequence(value: str) -> bool:
    """Alphabets and the like: most characters follow the one before."""
    steps = sum(ord(b) - ord(a) in (0, 1, -1) for a, b in pairwise(value))
    return steps > 0.4 * len(value)
