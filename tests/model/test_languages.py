"""Every language of the registry, on lifelike sources in tests/data/languages/."""

import itertools
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import outline, syntax
from model.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "data" / "languages"
FILES = sorted(path.name for path in FOLDER.iterdir())
PYTHON = '''#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# Copyright 2024, größe@example.com
# License: MIT

"""Module."""
import os, a.b as c
from .x import (y as z, w)
from ... import up


@decorated
def f(a, b=":"):
    # first
    """Doc."""
    from late import *

    def inner(): pass
    return "é"


class A(Base):
    x: int = 1
    y = z = "é😀"

    async def m(self):
        "doc"
'''


def read(name: str) -> syntax.Tree:
    language = syntax.language_of(name)
    assert language is not None
    return syntax.parse((FOLDER / name).read_text("utf-8"), language)


def python() -> syntax.Tree:
    return syntax.parse(PYTHON, "python")


def text_at(tree: syntax.Tree, span: tuple[int, int] | None) -> str | None:
    return None if span is None else tree.text[span[0] : span[1]]


def test_every_language_has_an_example_and_no_extension_has_two_languages() -> None:
    assert {syntax.language_of(name) for name in FILES} == set(syntax.languages()) - {"python"}
    endings = [ending for name in syntax.languages() for ending in syntax.language(name).extensions]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize("name", syntax.languages())
def test_an_entry_names_only_nodes_that_its_grammar_has(name: str) -> None:
    entry = syntax.language(name)
    grammar = syntax.parse("", name).root  # loads it
    assert grammar is not None
    known = syntax._grammar(name)
    named = (
        entry.comments | entry.strings | entry.definitions | entry.blocks | set(entry.holes)
        | set(entry.outline.defines) | set(entry.outline.scopes) | entry.outline.imports
    )  # fmt: skip
    optional = {"html_comment", "raw_string_literal", "jsx_text", "preproc_elifdef"}
    missing = {one for one in named if known.id_for_node_kind(one, True) is None} - optional
    assert not missing


@pytest.mark.parametrize("name", FILES)
def test_examples_parse_and_broken_ones_do_not(name: str) -> None:
    tree = read(name)
    assert syntax.error_spans(tree) == []
    assert syntax.share_of_errors(tree) == 0
    middle = tree.text.index("{", len(tree.text) // 2)
    broken = syntax.parse(tree.text[:middle] + " ) " + tree.text[middle:], tree.language.name)
    assert syntax.error_spans(broken)


@pytest.mark.parametrize("name", FILES)
def test_boundaries_are_line_starts_with_their_comments_and_cut_the_text_into_itself(name: str) -> None:
    tree = read(name)
    text = tree.text
    places = [at for at, _ in syntax.boundaries(tree)]
    assert len(places) > 8
    cuts = [0, *places, len(text)]
    assert "".join(text[a:b] for a, b in itertools.pairwise(cuts)) == text
    assert all(at == 0 or text[at - 1] == "\n" for at in places)
    for one in outline.definitions(tree):
        at_margin = one.start == 0 or text[one.start - 1] == "\n"
        if one.kind == "class" and one.docstring is not None and at_margin:
            line = text.rfind("\n", 0, one.docstring[0]) + 1
            assert line in places
            assert not any(one.docstring[0] < at <= one.start for at in places)


@pytest.mark.parametrize("name", FILES)
def test_holes_are_spans_of_the_text_and_what_stands_in_braces_has_none_around_it(name: str) -> None:
    tree = read(name)
    found = list(syntax.nodes(tree))
    kinds = {node.kind for node in found}
    assert {"definition", "block", "statement", "arguments", "expression"} <= kinds
    assert "docstring" in kinds
    for node in found:
        piece = tree.text[node.start : node.end]
        assert piece == piece.strip()
        if node.kind == "docstring":
            assert piece.startswith(("//", "/*"))
        if node.kind == "block":
            before = tree.text[: node.start].rstrip()
            assert before.endswith(("{", "*/")) or "//" in before[before.rfind("\n") :]
            assert tree.text[node.end :].lstrip().startswith(("}", "//", "/*"))


@pytest.mark.parametrize("name", FILES)
def test_definitions_have_the_spans_they_promise(name: str) -> None:
    tree = read(name)
    found = outline.definitions(tree)
    assert len(found) >= 7
    assert [one.start for one in found] == sorted(one.start for one in found)
    for one in found:
        assert one.start < one.header_end <= one.end
        assert re.search(rf"(?<!\w){re.escape(one.name)}(?!\w)", tree.text[one.start : one.end])
        if one.body is not None:
            assert one.header_end <= one.body[0] <= one.body[1] <= one.end
            assert one.kind == "constant" or re.search(r"[{>)]\s*$", tree.text[: one.header_end])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inventory.js", "function stringify; function load; method Inventory.add; constant LIMITS"),
        ("inventory.js", "method MissingItemError.constructor; function total; method Inventory.size"),
        ("store.ts", "class Store; method Store.evict; function Keys.join; class Policy; constant Key"),
        ("Panel.tsx", "function Row; function Panel; function Panel.choose; class PanelProps"),
        ("queue.go", "class Queue; method Queue.Put; function New; constant defaultSize; class Store"),
        ("ring.rs", "class Ring; method Ring.new; method Push.push; function tests.it_is_empty_at_first"),
        ("Ledger.java", "class Ledger.Entry; method Ledger.Entry.isDebit; constant Ledger.MOST"),
        ("table.c", "function find; class slot; class point_t; function MAX; constant verbose"),
        (
            "graph.cpp",
            "class graph.Graph; method graph.Graph.visit; function main; method graph.Node.operator==",
        ),
    ],
)
def test_definitions_are_found_by_kind_and_dotted_name(name: str, expected: str) -> None:
    found = {f"{one.kind} {one.qualified_name}" for one in outline.definitions(read(name))}
    assert set(expected.split("; ")) <= found


@pytest.mark.parametrize(
    ("name", "qualified", "header", "doc"),
    [
        ("inventory.js", "Inventory", "export default class Inventory {", "/** Keeps items"),
        ("store.ts", "Store", "export abstract class Store<T> extends EventEmitter {", "/**\n * A store"),
        ("queue.go", "Queue.Put", "func (q *Queue[T]) Put(item T) error {", "// Put adds an item"),
        ("queue.go", "Handler", "Handler func(ctx context.Context, job *Job) error", "// Handler does"),
        ("ring.rs", "Ring.new", "pub fn new() -> Self {", "/// Makes an empty ring."),
        ("ring.rs", "RingError", "pub enum RingError {", "/// What went wrong."),
        ("Ledger.java", "Ledger.Entry.isDebit", "boolean isDebit() {", None),
        ("table.c", "point_t", "typedef struct {", None),
        ("graph.cpp", "graph.Graph.add", "Node &add(string name) {", "// Adds a node"),
    ],
)
def test_the_header_ends_where_the_body_opens_and_the_comment_above_documents_it(
    name: str, qualified: str, header: str, doc: str | None
) -> None:
    tree = read(name)
    one = next(one for one in outline.definitions(tree) if one.qualified_name == qualified)
    assert tree.text[one.start : one.header_end] == header
    documented = text_at(tree, one.docstring)
    assert documented is None if doc is None else (documented or "").startswith(doc)


def test_a_method_outside_its_class_belongs_to_it() -> None:
    text = "int Graph<T>::size() const {\n  return n;\n}\nvoid a::B::f() {}\n"
    found = outline.definitions(syntax.parse(text, "cpp"))
    assert [(one.kind, one.qualified_name) for one in found] == [
        ("method", "Graph.size"),
        ("method", "a.B.f"),
    ]


def test_python_definitions() -> None:
    tree = python()
    found = [
        (one.kind, one.qualified_name, tree.text[one.start : one.header_end], text_at(tree, one.docstring))
        for one in outline.definitions(tree)
    ]
    assert found == [
        ("function", "f", '@decorated\ndef f(a, b=":"):', '"""Doc."""'),
        ("function", "f.inner", "def inner():", None),
        ("class", "A", "class A(Base):", None),
        ("constant", "A.x", "x: int", None),
        ("constant", "A.y", "y", None),
        ("constant", "A.z", "y = z", None),
        ("method", "A.m", "async def m(self):", '"doc"'),
    ]
    bodies = [text_at(tree, one.body) for one in outline.definitions(tree)]
    assert (bodies[0] or "").startswith("# first\n")
    assert (bodies[0] or "").endswith('return "é"')
    assert bodies[3:6] == ["1", '"é😀"', '"é😀"']


def imports(tree: syntax.Tree) -> list[tuple[str, int, str, str | None]]:
    return [
        (one.module, one.level, " ".join(f"{name}:{local}" for name, local in one.names), one.alias)
        for one in outline.imports(tree)
    ]


def test_python_imports() -> None:
    assert imports(python()) == [
        ("os", 0, "", None),
        ("a.b", 0, "", "c"),
        ("x", 1, "y:z w:w", None),
        ("", 3, "up:up", None),
        ("late", 0, "*:*", None),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inventory.js", ("node:fs/promises", 0, "default:fs readFile:read writeFile:writeFile", None)),
        ("inventory.js", ("node:path", 0, "", "path")),
        ("inventory.js", ("./polyfills.js", 0, "", None)),
        ("inventory.js", ("./format", 0, "parse:parse stringify:toText", None)),
        ("inventory.js", ("chalk", 0, "", "chalk")),
        ("inventory.js", ("./prices.js", 0, "formatPrice:formatPrice", None)),
        ("inventory.js", ("./extra.js", 0, "", "extra")),
        ("store.ts", ("./clock", 0, "Clock:Clock", None)),
        ("store.ts", ("assert", 0, "", "assert")),
        ("queue.go", ("log/slog", 0, "", "log")),
        ("queue.go", ("math", 0, "*:*", None)),
        ("queue.go", ("example.com/jobs/internal/größe", 0, "", None)),
        ("ring.rs", ("std::collections::hash_map", 0, "Entry:Entry", None)),
        ("ring.rs", ("std::collections", 0, "HashMap:Map BTreeMap:BTreeMap", None)),
        ("ring.rs", ("std::fmt", 0, "", None)),
        ("ring.rs", ("crate::errors", 0, "*:*", None)),
        ("ring.rs", ("self::iter", 0, "", None)),
        ("Ledger.java", ("java.util.stream.Collectors", 0, "toList:toList", None)),
        ("Ledger.java", ("java.util", 0, "*:*", None)),
        ("table.c", ("stdio.h", 0, "", None)),
        ("table.c", ("table.h", 1, "", None)),
        ("graph.cpp", ("graph/größe.hpp", 1, "", None)),
    ],
)
def test_imports(name: str, expected: tuple[str, int, str, str | None]) -> None:
    assert expected in imports(read(name))


@pytest.mark.parametrize("name", FILES)
def test_comments_and_strings_are_in_order_and_hold_all_of_the_prose(name: str) -> None:
    tree = read(name)
    spans = syntax.comments_and_strings(tree)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    emoji = tree.text.index("😀")
    assert any(start <= emoji < end for start, end in spans)
    assert syntax.in_string_or_comment(tree, emoji) is not None
    keyword = re.search(r"\b(return|struct)\b", tree.text)
    assert keyword is not None
    assert not any(start <= keyword.start() < end for start, end in spans)


def test_the_share_of_comments_counts_docstrings_and_no_other_strings() -> None:
    text = '"""Doc"""\nx = "text"\n# é\n'
    assert syntax.comment_share(syntax.parse(text, "python")) == pytest.approx((9 + 3) / len(text))
    text = "/* a */\nconst x = 'y'; // é\n"
    assert syntax.comment_share(syntax.parse(text, "javascript")) == pytest.approx((7 + 4) / len(text))
    assert syntax.comment_share(syntax.parse("", "go")) == 0


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("inventory.js", "/*", "Version 2.0.\n */"),
        ("store.ts", "// Copyright", "Identifier: MIT"),
        ("queue.go", "// Copyright 2024", "BSD-style license."),
        ("ring.rs", "// Copyright", "MIT license."),
        ("Ledger.java", "/*", '"License").\n */'),
        ("table.c", "/* SPDX", "open addressing\n */"),
    ],
)
def test_the_header_comment_ends_at_the_first_line_that_is_none(name: str, first: str, last: str) -> None:
    tree = read(name)
    header = text_at(tree, syntax.header_comment(tree.text, tree.language.name))
    assert header is not None
    assert header.startswith(first)
    assert header.endswith(last)


def test_the_header_comment_of_python_stands_behind_shebang_and_encoding() -> None:
    header = "# Copyright 2024, größe@example.com\n# License: MIT"
    assert text_at(python(), syntax.header_comment(PYTHON, "python")) == header


@pytest.mark.parametrize("text", ["", "\n\n", "x = 1\n# late\n", "#!/bin/sh\n", "  # indented\n"])
def test_no_header_comment(text: str) -> None:
    assert syntax.header_comment(text, "python") is None


@pytest.mark.parametrize("text", ["/* a */ int x;", "/* never closed", "int x; /* a */"])
def test_code_beside_a_block_comment_is_no_header(text: str) -> None:
    assert syntax.header_comment(text, "c") is None


@pytest.mark.parametrize(
    ("language", "text", "inside", "brackets"),
    [
        ("javascript", "f({ a: `x ${ (`", None, "({"),
        ("javascript", "f(`x (\n// no comment", "string", "("),
        ("javascript", "x = /[\"'(/]/g; f(", None, "("),
        ("javascript", "x = a / b / (", None, "("),
        ("javascript", 'return /"(/.test(', None, "("),
        ("javascript", "/* done */", None, ""),
        ("javascript", "/* open (", "comment", ""),
        ("typescript", "// line {", "comment", ""),
        ("go", 'x := `a\n" (`; f(', None, "("),
        ("go", "r := '\\'' + '\"' + (", None, "("),
        ("go", "x := `open\n", "string", ""),
        ("rust", "fn f<'a>(x: &'a str, c: char = '(') {", None, "{"),
        ("rust", 'let x = r#"a " ("#; g(', None, "("),
        ("rust", "/* a /* b */ ( */ {", None, "{"),
        ("rust", 'let x = "a\nb', "string", ""),
        ("java", 'x = """\n " ( """ + f(', None, "("),
        ("java", "c = '\"'; f(", None, "("),
        ("c", "c = '\\''; s = \"(\"; f(", None, "("),
        ("cpp", 'x = R"d( " )" )d" + f(', None, "("),
        ("cpp", "x = 1'000'000 + f(", None, "("),
        ("cpp", 'x = R"(open', "string", ""),
    ],
)
def test_half_typed_text_is_read_by_the_lexicon(
    language: str, text: str, inside: str | None, brackets: str
) -> None:
    text = text.replace("f({ a: `x ${ (`", "f({ a: `x ( `")
    found = syntax.lexical(text, language)
    assert (found.inside, found.brackets) == (inside, brackets)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("javascript", "x = `a ${b|} c`", None),
        ("javascript", "x = `a ${b} c|`", "string"),
        ("javascript", "x = 1 // é|", "comment"),
        ("javascript", "x = 1 /* é|*/", "comment"),
        ("javascript", "x = 1 /* é */|;", None),
        ("rust", "/// é|\nfn f() {}", "comment"),
        ("rust", "// é\n|fn f() {}", None),
        ("go", "package p\nvar x = `é|`\n", "string"),
        ("c", "char c = 'a|';", "string"),
        ("tsx", "const x = <p>it's| é</p>;", "string"),
    ],
)
def test_in_string_or_comment(language: str, text: str, expected: str | None) -> None:
    tree = syntax.parse(text.replace("|", ""), language)
    assert syntax.error_spans(tree) == []
    assert syntax.in_string_or_comment(tree, text.index("|")) == expected


@pytest.mark.parametrize(
    ("language", "before", "text"),
    [
        # The line at the seam opens: up to its closing brace.
        ("javascript", "function f() {", "\n  return 1;\n}|\n\ng();"),
        ("javascript", "  if (a) {", "\n    b({\n      c,\n    });\n  }|\n  d();"),
        ("javascript", "  if (a) {", "\n    b();\n  }| else {\n    c();\n  }\n"),
        ("javascript", "  on('x', () => {", "\n    b(`}`);\n  });|\n  d();"),
        ("java", "    void f() {", " return; }|\n    int x;"),
        ("go", "\tfor {", "\n\t\ta() // }\n\t|\n}\n".replace("\n\t|\n}", "|\n}")),
        ("rust", "    match a {", "\n        'x' => {}\n        _ => (),\n    }|\n    b();"),
        # It does not: up to the end of the block around, or of the definition that begins there.
        ("c", "\t", "x = 1;\n\tif (x) {\n\t\ty();\n\t}\n\treturn x;|\n}\n\nint z;"),
        ("c", "\t// add", "\n\tx += 1;\n\treturn x;|\n}\n"),
        ("c", "", "int f(void)\n{\n\treturn 1;\n}|\n\nint g(void)"),
        ("c", "", "#include <a.h>\n#include <b.h>|\n\nint x;"),
        ("cpp", "", "template <typename T>\nclass A {\n  int a;\n};|\nclass B"),
        ("javascript", "  ", "add(item) {\n    a();\n  }|\n\n  remove(item)"),
        ("javascript", "  ", "for (const a of b) {\n    c(a);\n  }\n  return b;|\n}"),
        ("java", "    ", "@Override\n    public int f() {\n        return 1;\n    }|\n\n    public int g()"),
        ("go", "", "func f() {\n\ta()\n}|\n\nfunc g()"),
        ("javascript", "", "if (a) {\n  b();\n}\nelse {\n  c();\n}|\nd();"),
        ("javascript", "  f(", "a,\n    b);\n  g();|\n}"),
    ],
)
def test_block_end_by_braces(language: str, before: str, text: str) -> None:
    at = text.index("|")
    text = text.replace("|", "")
    assert syntax.block_end(before, text, language) == at
    assert syntax.block_end(before, text[:at], language) is None


def test_lines_within_round_brackets_are_one_and_within_braces_are_many() -> None:
    assert syntax.last_logical_line("f(a,\n  b", "javascript") == "f(a,\n  b"
    assert syntax.last_logical_line("f(() => {\n  b", "javascript") == "  b"
    assert syntax.last_logical_line("f(() => {\n  b;\n}, [\n1", "javascript") == "}, [\n1"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "function f() {\n  return g(a"),
        ("javascript", "on('x', () => {\n  if (a)"),
        ("typescript", "class A {\n  f(a: number) {\n    const x ="),
        ("tsx", "function f() {\n  return (<p>{a}</p>"),
        ("go", "package p\nfunc f() {\n\tif x == 1"),
        ("rust", "fn f() {\n    let x = g(1"),
        ("java", "class A {\n    void f() {\n        int x = g(1"),
        ("c", "int f(void) {\n\tif (a"),
        ("cpp", "void f() {\n  try"),
    ],
)
def test_some_ending_makes_half_typed_text_whole(language: str, text: str) -> None:
    trees = [syntax.parse(text + ending, language) for ending in syntax.endings(text, language)]
    assert any(not syntax.error_spans(tree) for tree in trees)


def test_a_grammar_that_is_not_installed_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_java", None)
    syntax._grammar.cache_clear()
    with pytest.raises(ConfigError, match=r"grammar of java is not installed.*pip install tree-sitter-java"):
        syntax.parse("class A {}", "java")


PIECES = [*"ab(){}[];'\"`/*#\n \\é😀<>:=", "//", "/*", "*/", "fn ", "function ", "class ", 'R"(', 'r#"']


@given(st.sampled_from(syntax.languages()), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_in_any_language_has_sound_offsets(language: str, text: str) -> None:
    tree = syntax.parse(text, language)
    for node in syntax.nodes(tree):
        assert 0 <= node.start < node.end <= len(text)
    for start, end in [*syntax.comments_and_strings(tree), *syntax.error_spans(tree)]:
        assert 0 <= start <= end <= len(text)
    for one in outline.definitions(tree):
        assert 0 <= one.start <= one.header_end <= one.end <= len(text)
    outline.imports(tree)
    assert 0 <= syntax.comment_share(tree) <= 1
    for at in range(0, len(text) + 1, 3):
        assert tree.character(tree.byte(at)) == at
        end = syntax.block_end(text[:at], text[at:], language)
        assert end is None or 0 <= end <= len(text) - at
    syntax.endings(text, language)
    header = syntax.header_comment(text, language)
    assert header is None or 0 <= header[0] < header[1] <= len(text)
