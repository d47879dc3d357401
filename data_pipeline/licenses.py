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

from data_pipeline.license_names import CLASSIFIERS, FAMILIES, SPELLINGS, TEXTS

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
    does not say whether several mean "and" or "or"; then the License field.
    """
    headers = HeaderParser().parsestr(text)
    expression = str(headers.get("License-Expression") or "").strip()
    if expression:
        return expression
    field = _of_field(str(headers.get("License") or ""))
    found: list[str] = []
    for classifier in headers.get_all("Classifier") or []:
        kind, _, name = str(classifier).partition(" :: ")
        name = name.removeprefix("OSI Approved :: ").removeprefix("OSI Approved")
        if kind == "License" and name in CLASSIFIERS:
            found.append(CLASSIFIERS[name])
    # "BSD License" names a family: the field may say which.
    if found == ["BSD-3-Clause"] and field is not None and re.fullmatch(r"(BSD-\d-Clause|0BSD)", field):
        return field
    return " AND ".join(dict.fromkeys(found)) or field


def _of_field(field: str) -> str | None:
    """The free-text License field: an expression, a usual spelling, or the licence's whole text."""
    field = field.strip()
    if len(field) > 200 or "\n" in field:
        return of_license_file(field)
    tokens = _tokens(field)
    words = [t for t in tokens or [] if t not in _OPERATORS and t not in "()"]
    if words and all(_SPDX_LIKE.fullmatch(word) for word in words):
        return field
    short = re.sub(r"[^a-z0-9+]", "", re.sub(r"\b(the|licen[cs]ed?|software)\b", "", field.lower()))
    return SPELLINGS.get(short)


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
    r"|available under|governed by|subject to|licen[cs]e|redistribute it and or modify)"
)
_GNU_NAME = re.compile(rf"{_GNU}|\b([al])?gpl(?= ?(?:v|version)? ?[123]\b)")
_GNU_KINDS = {"": "GPL", "affero": "AGPL", "lesser": "LGPL", "library": "LGPL", "a": "AGPL", "l": "LGPL"}
_GNU_FIRST = {"GPL": "1.0-or-later", "LGPL": "2.0-or-later", "AGPL": "3.0-or-later"}  # where none is named
_EITHER = re.compile(r"dual licen[cs]ed|either of|licen[cs]ed under the (?:mit|bsd|apache)\b.{0,40}\bor\b")
_SHORT_GRANTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"(?:licen[cs]ed?|released|distributed|available) (?:under|is) (?:the )?(?:terms of "
                      rf")?(?:the )?{phrase}"))
    for name, phrase in (
        ("MIT", r"(?:mit|expat)\b"),
        ("BSD-3-Clause", r"(?:modified |new |3 clause |revised )?bsd\b"),
        ("Apache-2.0", r"apache\b"),
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

    An SPDX-License-Identifier line decides. Otherwise the text must grant rights under a licence; a mention
    alone ("reads the GNU General Public License") does not count.
    """
    top = head(text)
    if match := _SPDX_LINE.search(top):
        # Comment markers and prose may follow on the line.
        words = match.group(1).replace("-->", " ").strip().rstrip(".")
        if _tokens(words) is not None:
            return words
    words = _words(top)
    found = set((of_license_file(top) or "").split(" AND ")) - {""}
    gnu: dict[str, str | None] = {}  # "LGPL" and so on to the version that is named first
    for match in _GNU_NAME.finditer(words):
        if _GRANT.search(words, max(0, match.start() - 120), match.start()):
            kind = _GNU_KINDS[match.group(1) or match.group(2) or ""]
            gnu[kind] = gnu.get(kind) or _version(words[match.end() :][:160])
    for kind, version in gnu.items():
        if not any(name.startswith(kind + "-") for name in found):
            found.add(f"{kind}-{version or _GNU_FIRST[kind]}")
    found.update(name for name, phrase in _SHORT_GRANTS if phrase.search(words))
    return (" OR " if _EITHER.search(words) else " AND ").join(sorted(found)) or None


def _version(after: str) -> str | None:
    """ "3.0-or-later" and the like, from the words behind the name of a GNU licence."""
    version = re.search(r"(?:version|v|^) ?([123])(?: ([01])\b)?", after)
    if version is None:
        return None
    later = re.search(r"any later version|or later|or newer|\bplus\b", after)
    return f"{version.group(1)}.{version.group(2) or 0}-{'or-later' if later else 'only'}"
