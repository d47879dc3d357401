"""Licences as SPDX expressions: read from metadata, a licence file or a file's own header, and judged.

Reading is by characteristic phrases of the texts with their white space normalised, as licence scanners do;
where two licences are found in one text both are named, joined by AND, so that the stricter one decides.
The list of what is permitted follows the Blue Oak Council's list of permissive licences, which The Stack v2
(Lozhkov et al. 2024) used as well. Expressions follow SPDX 2.3, annex D.

Not here: which documents are dropped for their licence (filters.py); which sources a manifest may name.
"""

from __future__ import annotations

import re
from email.parser import HeaderParser

from data_pipeline.license_names import (
    CLASSIFIERS,
    FAMILIES,
    PROPRIETARY,
    RESTRICTIVE,
    SPELLINGS,
    TEXTS,
)

# Identifiers as SPDX spells them. Licences that ask for more than keeping a notice are not on the list.
PERMISSIVE = frozenset(
    {
        "0BSD",
        "AFL-3.0",
        "Apache-1.1",
        "Apache-2.0",
        "Artistic-2.0",
        "BlueOak-1.0.0",
        "BSD-1-Clause",
        "BSD-2-Clause",
        "BSD-2-Clause-Patent",
        "BSD-3-Clause",
        "BSD-3-Clause-Clear",
        "BSL-1.0",
        "CC0-1.0",
        "CNRI-Python",
        "curl",
        "ECL-2.0",
        "HPND",
        "ICU",
        "ISC",
        "libpng-2.0",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MIT-Modern-Variant",
        "MulanPSL-2.0",
        "NCSA",
        "PostgreSQL",
        "PSF-2.0",
        "Python-2.0",
        "Python-2.0.1",
        "Unicode-3.0",
        "Unicode-DFS-2016",
        "Unlicense",
        "UPL-1.0",
        "W3C",
        "WTFPL",
        "X11",
        "Zlib",
        "ZPL-2.0",
        "ZPL-2.1",
    }
)
_PERMISSIVE = frozenset(name.lower() for name in PERMISSIVE)

# --- expressions -------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.+:-]+)\s*")
_OPERATORS = frozenset({"AND", "OR", "WITH"})


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression leaves a permitted way to use the work.

    AND needs both sides, OR needs one, and WITH only ever adds permissions, so the licence before it decides.
    An expression that cannot be read is not permissive.
    """
    tokens = _tokens(expression)
    if tokens is None:
        return False
    try:
        value, rest = _either(tokens)
    except ValueError:
        return False
    return value and not rest


def _tokens(expression: str) -> list[str] | None:
    """The expression's words and brackets; None where it holds anything else."""
    found, at = [], 0
    if len(expression) > 2000:  # the parser descends once a bracket
        return None
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            return None
        word = match.group(1)
        found.append(word.upper() if word.upper() in _OPERATORS else word)
        at = match.end()
    return found


def _either(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = _both(tokens)
    while rest[:1] == ["OR"]:
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = _one(tokens)
    while rest[:1] == ["AND"]:
        other, rest = _one(rest[1:])
        value = value and other
    return value, rest


def _one(tokens: list[str]) -> tuple[bool, list[str]]:
    if not tokens or tokens[0] in _OPERATORS or tokens[0] == ")":
        raise ValueError("a licence is missing")
    if tokens[0] == "(":
        if tokens[:200].count("(") > 100:
            raise ValueError("nested too deep")
        value, rest = _either(tokens[1:])
        if rest[:1] != [")"]:
            raise ValueError("a bracket is not closed")
        return value, rest[1:]
    value, rest = tokens[0].removesuffix("+").lower() in _PERMISSIVE, tokens[1:]
    if rest[:1] == ["WITH"]:
        if len(rest) < 2 or rest[1] in _OPERATORS or rest[1] in "()":
            raise ValueError("an exception is missing")
        rest = rest[2:]
    return value, rest


# --- a package's metadata ----------------------------------------------------------------------------------

_SPDX_LIKE = re.compile(r"[A-Za-z]+-[0-9][A-Za-z0-9.+-]*|MIT(-0|-CMU)?|ISC|Zlib|Unlicense|0BSD|X11|HPND|NCSA")


def of_metadata(text: str) -> str | None:
    """The SPDX expression of a distribution's METADATA or PKG-INFO; None where it states none.

    License-Expression (PEP 639) decides; then the classifiers, all of which must hold, since core metadata
    does not say whether several mean "and" or "or", and one that is not known could ask for anything; then
    the License field, which must hold too where it names a licence of another family.
    """
    headers = HeaderParser().parsestr(text)
    expression = str(headers.get("License-Expression") or "").strip()
    if expression:
        return expression
    field = _of_field(str(headers.get("License") or ""))
    found: list[str] = []
    for classifier in headers.get_all("Classifier") or []:
        kind, _, name = " ".join(str(classifier).split()).partition(" :: ")
        name = re.sub(r"^(?:OSI|DFSG) [Aa]pproved(?: :: )?", "", name)
        if kind == "License" and name:
            found.append(CLASSIFIERS.get(name, UNKNOWN))
    # "BSD License" names a family: the field may say which.
    if found == ["BSD-3-Clause"] and field is not None and re.fullmatch(r"(BSD-\d-Clause|0BSD)", field):
        return field
    if found and field is not None:
        found += _more_of(field, str(headers.get("License") or ""), found)
    return " AND ".join(dict.fromkeys(found)) or field


UNKNOWN = "LicenseRef-Unknown"


def _more_of(field: str, text: str, found: list[str]) -> list[str]:
    """What the License field adds to the classifiers.

    A short one adds its licences, if one is of another family. A whole text often brings the licences of
    libraries that are only linked, so it adds restrictions alone.
    """
    if len(text.strip()) > 200 or "\n" in text.strip():
        return [name for name in field.split(" AND ") if name.startswith("LicenseRef-")]
    if not _families(field) - {family for name in found for family in _families(name)}:
        return []
    return [f"({field})" if " OR " in field.upper() else field]


def _families(expression: str) -> set[str]:
    """ "mit", "bsd", "lgpl" and so on: the names of an expression without their versions."""
    words = [w for w in re.split(r"[\s()]+", expression) if w and w.upper() not in _OPERATORS]
    return {word.split("-")[0].rstrip("+0123456789.").lower() or word for word in words}


def _of_field(field: str) -> str | None:
    """The free-text License field: an expression, a usual spelling, or the licence's whole text."""
    field = field.strip()
    if len(field) > 200 or "\n" in field:
        return of_license_file(field)
    tokens = _tokens(field)
    words = [t for t in tokens or [] if t not in _OPERATORS and t not in "()"]
    short = re.sub(r"[^a-z0-9+]", "", re.sub(r"\b(the|licen[cs]ed?|software)\b", "", field.lower()))
    if words and all(_SPDX_LIKE.fullmatch(word) for word in words):
        return SPELLINGS.get(short, field)  # "BSD-3" looks like an identifier and is none
    return SPELLINGS.get(short) or _gnu_spelling(field)


def _gnu_spelling(field: str) -> str | None:
    """ "GPL v3", "GNU LGPL 2.1 or later" and the like; None for what is not one name of a GNU licence."""
    words = _words(field)
    match = re.fullmatch(
        rf"(?:the )?(?:(?:gnu )?(?P<short>[al]?)gpl|{_GNU})(?P<after>(?: ?\w+){{0,8}})",
        words,
    )
    if match is None:
        return None
    kind = _GNU_KINDS[match.group("short") or match.group(2) or ""]
    version = _version(match.group("after").strip() + (" or later" if "+" in field else ""))
    return f"{kind}-{version or _GNU_FIRST[kind]}"


# --- the text of a licence ---------------------------------------------------------------------------------

_GNU = r"gnu (?:(affero|lesser|library) )?general public licen[cs]e"


def of_license_file(text: str) -> str | None:
    """The SPDX expression of a LICENSE or COPYING text; None for a text that is not known.

    A text that holds several licences in full gives all of them in the order in which they begin, joined by
    AND: whoever reads it cannot tell which part of the work each is for.
    """
    words = _words(text)
    found = {name: match.start() for name, phrase in TEXTS if (match := phrase.search(words))}
    for family in FAMILIES:
        for name in [name for name in family if name in found][1:]:
            del found[name]
    return " AND ".join(sorted(found, key=found.__getitem__)) or None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


# --- a file's own header -----------------------------------------------------------------------------------

_SPDX_LINE = re.compile(r"SPDX-License-Identifier:[ \t]*([^\n*\"'#]+)")
_HEAD = re.compile(
    r"""(?: [ \t]*(?:\#|//|--|;|%)[^\n]*(?:\n|$)      # line comments, a shebang among them
          | [ \t]*/\*.*?\*/                           # block comments
          | [ \t]*<!--.*?-->
          | [ \t]*[rRuU]?(?:\"{3}.*?\"{3}|'''.*?''')  # the docstring of a module
          | \s+ )*+""",
    re.VERBOSE | re.DOTALL,
)
_LONGEST_HEAD = 20_000  # characters; licence headers are shorter, and are looked for in no more
_GRANT = re.compile(
    r"(?:under the (?:terms|conditions)|licen[cs]ed? under|distributed under|released under|covered by"
    r"|(?:is|are|was|were|code|portions) under|available under|governed by"
    r"|subject to|licen[cs]e|redistribute it and or modify)"
)
_GNU_NAME = re.compile(
    rf"{_GNU}|\b([al])?gpl(?= ?(?:v|version)? ?[123]\b)"
    r"|(?:(?<=gnu )|(?<=licen[cs]e )|(?<=under )|(?<=under the ))([al])?gpl\b"
)
_COPYRIGHT_LINE = re.compile(
    r"(?:copyright|\(c\)|©)[^\n]{0,200}?\b(?:gnu +)?([al])?gpl *(?:v(?:ersion)?)?\.? *[-0-9v.+]*", re.I
)
_NAME_ONLY = re.compile(r"^[^\w\n]*(?:licen[cs]e *[:=]+ *)?(?P<name>\w[^\n]{1,60}?)[^\w\n+)]*$", re.I | re.M)
_LABEL = re.compile(r"licen[cs]e *[:=]", re.I)
_VARIABLE = re.compile(
    r"""^__licen[cs]e__ *(?::[^=\n]*)?= *[rRuU]?(['"]{1,3})(?P<name>[^'"\n]{1,200})\1""", re.M
)
_PROPRIETARY = re.compile(PROPRIETARY)
_GNU_KINDS = {"": "GPL", "affero": "AGPL", "lesser": "LGPL", "library": "LGPL", "a": "AGPL", "l": "LGPL"}
_GNU_FIRST = {"GPL": "1.0-or-later", "LGPL": "2.0-or-later", "AGPL": "3.0-or-later"}  # where none is named
_ANY_NAME = (
    r"(?:mit|expat|bsd|apache|[al]?gpl|gnu|mpl|mozilla|isc|zlib|eclipse|epl|boost|x11|artistic|unlicense)"
)
# A choice between two licences that are named close by; "either" alone says nothing of licences.
_EITHER = re.compile(
    rf"dual licen[cs]ed?\b.{{0,60}}?\b{_ANY_NAME}\b.{{0,80}}?\b(?:or|and)\b.{{0,40}}?\b{_ANY_NAME}\b"
    rf"|\beither\b(?: of)?(?: the)?(?: \w+){{0,4}}? {_ANY_NAME}\b.{{0,80}}?\bor\b.{{0,40}}?\b{_ANY_NAME}\b"
    rf"|licen[cs]ed under the {_ANY_NAME}\b.{{0,40}}?\bor\b.{{0,40}}?\b{_ANY_NAME}\b"
)
_IN_CHOICE = {"mit": r"\b(?:mit|expat)\b", "gpl": r"\bgpl|gnu general", "agpl": r"\bagpl|affero",
              "lgpl": r"\blgpl|lesser|library general", "mpl": r"\bmpl|mozilla", "epl": r"\bepl|eclipse",
              "bsl": r"boost"}  # fmt: skip
_SHORT_GRANTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (
        name,
        re.compile(
            r"(?:licen[cs]ed?|released|distributed|available|governed|covered|modify it) (?:under|is|by) "
            rf"(?:an? |the )?(?:terms of )?(?:the )?{phrase}"
        ),
    )
    for name, phrase in (
        ("MIT", r"(?:mit|expat)\b"),
        ("BSD-3-Clause", r"(?:modified |new |3 clause |revised )?bsd\b"),
        ("Apache-2.0", r"apache\b"),
        ("ZPL-2.1", r"zope public licen[cs]e\b"),
        ("MPL-2.0", r"(?:mozilla public licen[cs]e|mpl)\b"),
        ("EPL-2.0", r"eclipse public licen[cs]e\b"),
    )
)  # fmt: skip


def head(text: str) -> str:
    """The comments and the docstring at the top of a source file of any language: where a licence stands."""
    match = _HEAD.match(text[:_LONGEST_HEAD])
    return match.group() if match else ""


def of_header(text: str) -> str | None:
    """The SPDX expression that a source file states for itself at its top; None where it states none.

    What SPDX-License-Identifier lines, the words and a `__license__` at the margin say must hold together.
    The words must grant or deny rights: a mention alone ("reads the GNU General Public License") does not
    count.
    """
    top = head(text)
    stated = []
    for match in _SPDX_LINE.finditer(top):
        # Comment markers and prose may follow on the line.
        line = match.group(1).replace("-->", " ").strip().rstrip(".")
        if line and _tokens(line) is not None and line not in stated:
            stated.append(line)
    known = {family for line in stated for family in _families(line)}
    words = _words(_SPDX_LINE.sub("\n", top))
    found = {name for name in _in_words(top, words) if not _families(name) <= known}
    for match in _VARIABLE.finditer(text[:_LONGEST_HEAD]):
        name = _of_field(match.group("name"))
        if name is not None and not _families(name) <= known | {f for n in found for f in _families(n)}:
            stated.append(name)
    choice = _EITHER.search(words)
    span = words[choice.start() : choice.end() + 40] if choice else ""
    offered = sorted(name for name in found if span and _is_in(span, name))
    parts = [*stated, *sorted(found - set(offered))]
    if offered:
        parts.append(" OR ".join(offered))
    return " AND ".join(f"({p})" if len(parts) > 1 and " OR " in p.upper() else p for p in parts) or None


def _is_in(span: str, name: str) -> bool:
    """Whether words name a licence."""
    families = _families(name)
    return any(re.search(_IN_CHOICE.get(family, rf"\b{re.escape(family)}\b"), span) for family in families)


def _in_words(top: str, words: str) -> set[str]:
    """The licences that the words of a header name; `words` are without its SPDX lines."""
    found = set((of_license_file(words) or "").split(" AND ")) - {""}
    gnu: dict[str, str | None] = {}  # "LGPL" and so on to the version that is named first
    for match in _GNU_NAME.finditer(words):
        if _GRANT.search(words, max(0, match.start() - 120), match.start()):
            kind = _GNU_KINDS[match.group(1) or match.group(2) or match.group(3) or ""]
            gnu[kind] = gnu.get(kind) or _version(words[match.end() :][:160])
    for match in _COPYRIGHT_LINE.finditer(top):
        kind = _GNU_KINDS[(match.group(1) or "").lower()]
        gnu[kind] = gnu.get(kind) or _version(_words(match.group()))
    for kind, version in gnu.items():
        if not any(name.startswith(kind + "-") for name in found):
            found.add(f"{kind}-{version or _GNU_FIRST[kind]}")
    for match in _NAME_ONLY.finditer(top):
        if _LABEL.search(match.group()) or re.search(r"licen[cs]e", match.group("name"), re.I):
            name = _of_field(match.group("name"))
            if name is not None and not _families(name) & {f for n in found for f in _families(n)}:
                found.add(name)
    found.update(name for name, phrase in _SHORT_GRANTS if phrase.search(words))
    for name, phrase in RESTRICTIVE:
        for match in phrase.finditer(words):
            around = words[max(0, match.start() - 120) : match.end() + 40]
            if _GRANT.search(around) and not any(n.startswith(name.split("-")[0]) for n in found):
                found.add(name)
    if _PROPRIETARY.search(words):
        found.add("LicenseRef-Proprietary")
    return found


_POINTERS = re.compile(
    r"(?:see|in|refer to|to) (?:the )?(?:\w+ ){0,3}?(?:licen[cs]e|copying|notice)(?: (?:file|txt|md|rst))?\b"
    r"|licen[cs]e (?:file|txt|md|rst|information|details)\b|spdx licen[cs]e identifier"
    r"|same licen[cs]e as|licen[cs]e is in the|on the licen[cs]e"
    r"|licensed to psf under a contributor agreement"
    r"|(?:under the )?(?:terms of the )?\b(?:mit|expat|bsd|apache|isc|zope public|zpl|psf)\b"
    r"(?: \w+){0,2} licen[cs]es?\b"
)
_CONDITIONS = re.compile(
    r"\blicen[cs]|\bpermi(?:t|ssion)|prohibit|forbidden|confidential|proprietary|\bagreement|\brestrict"
    r"|\bterms (?:of|and)\b"
)


def is_understood(header: str) -> bool:
    """Whether a header's licence is known, or it says no more than whose the file is and where to look."""
    return of_header(header) is not None or not _CONDITIONS.search(_POINTERS.sub(" ", _words(header)))


def _version(after: str) -> str | None:
    """ "3.0-or-later" and the like, from the words behind the name of a GNU licence."""
    version = re.search(r"(?:version|v|^) ?([123])(?: ([01])\b)?", after)
    if version is None:
        return None
    later = re.search(r"any later version|or later|or newer|\bplus\b", after)
    return f"{version.group(1)}.{version.group(2) or 0}-{'or-later' if later else 'only'}"
