"""C and C++.

A file that ends in .h is taken for C: in most projects that have such files it is, and much of what C++
headers hold parses all the same. Reference: tree-sitter-c 0.24, tree-sitter-cpp 0.23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from model.languages.entry import (
    DefinitionKind,
    HoleKind,
    ImportedModule,
    Language,
    Outline,
    text_of,
    words,
)

if TYPE_CHECKING:
    import tree_sitter


def _read_import(node: tree_sitter.Node) -> Iterator[ImportedModule]:
    """`#include`: level 1 for a path in quotes, which is looked for beside the file first."""
    path = node.child_by_field_name("path")
    if path is not None and path.type in ("string_literal", "system_lib_string"):
        yield ImportedModule(text_of(path)[1:-1], level=int(path.type == "string_literal"))


_PREPROCESSOR = words(
    "preproc_if preproc_ifdef preproc_elif preproc_elifdef preproc_else linkage_specification"
)
_DEFINES: Mapping[str, DefinitionKind] = {
    "function_definition": "function",
    "declaration": "constant",
    "struct_specifier": "class",
    "union_specifier": "class",
    "enum_specifier": "class",
    "type_definition": "constant",
    "preproc_def": "constant",
    "preproc_function_def": "function",
}
_HOLES: Mapping[str, HoleKind] = {
    **dict.fromkeys(
        words("function_definition struct_specifier union_specifier enum_specifier type_definition"),
        "definition",
    ),
    **dict.fromkeys(words("compound_statement field_declaration_list enumerator_list"), "block"),
    "argument_list": "arguments",
    **dict.fromkeys(
        words(
            "expression_statement declaration field_declaration return_statement if_statement for_statement "
            "while_statement do_statement switch_statement case_statement goto_statement preproc_include "
            "preproc_def preproc_function_def"
        ),
        "statement",
    ),
    **dict.fromkeys(
        words(
            "call_expression field_expression subscript_expression binary_expression unary_expression "
            "update_expression assignment_expression conditional_expression cast_expression "
            "pointer_expression sizeof_expression compound_literal_expression initializer_list"
        ),
        "expression",
    ),
}
_LEXICON = r"""
    (?P<whole>/\*.*?\*/|{raw}"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |\b\d[\w.]*(?:'\w+)+
    |(?P<comment>//[^\n]*|/\*.*)
    |(?P<unclosed>{unclosed}["'](?:\\.|[^\\\n])*\\?)
    |(?P<opener>[(\[{{])
    |(?P<closer>[)\]}}])
    """

C = Language(
    name="c",
    extensions=(".c", ".h"),
    grammar="tree_sitter_c:language",
    line_comment="//",
    block_comment=("/*", "*/"),
    braces=True,
    comments=words("comment"),
    strings=words("string_literal char_literal raw_string_literal"),
    tolerated_errors=0.02,
    preamble=re.compile(r"#pragma once"),
    definitions=words(
        "function_definition struct_specifier union_specifier enum_specifier type_definition "
        "preproc_function_def"
    ),
    blocks=words("compound_statement field_declaration_list declaration_list"),
    compounds=_PREPROCESSOR
    | words(
        "declaration field_declaration if_statement else_clause for_statement while_statement do_statement "
        "switch_statement case_statement labeled_statement ERROR"
    ),
    holes=_HOLES,
    outline=Outline(
        defines=_DEFINES,
        imports=words("preproc_include"),
        read_import=_read_import,
    ),
    lexicon=re.compile(_LEXICON.format(raw="", unclosed=""), re.VERBOSE | re.DOTALL),
    fresh_start=re.compile(r"^\#[ \t]*include\b|^\w[^\n;={}()]*\([^\n;={}]*\)[ \t]*\{?$", re.MULTILINE),
    continuations=("else", "while"),
    definition_words=("struct", "union", "enum", "static", "typedef", "extern", "inline"),
    decorations=("//", "/*"),
    tails=("", ";", " {}", " x;", " x", ": ;", " while (x);"),
    opener="void _(void) {",
    block_openers=frozenset(),
)

CPP = replace(
    C,
    name="cpp",
    extensions=(".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".inl"),
    grammar="tree_sitter_cpp:language",
    definitions=C.definitions
    | words("class_specifier namespace_definition template_declaration concept_definition alias_declaration"),
    compounds=C.compounds | words("for_range_loop try_statement catch_clause lambda_expression"),
    holes={
        **_HOLES,
        **dict.fromkeys(
            words("class_specifier namespace_definition template_declaration concept_definition"),
            "definition",
        ),
        "declaration_list": "block",
        **dict.fromkeys(
            words(
                "for_range_loop try_statement throw_statement using_declaration alias_declaration "
                "co_return_statement co_yield_statement field_initializer_list"
            ),
            "statement",
        ),
        **dict.fromkeys(
            words("lambda_expression new_expression delete_expression template_function co_await_expression"),
            "expression",
        ),
    },
    outline=Outline(
        defines={
            **_DEFINES,
            "class_specifier": "class",
            "alias_declaration": "constant",
            "concept_definition": "constant",
            "field_declaration": "constant",
        },
        wrappers=words("template_declaration"),
        scopes={"namespace_definition": "name"},
        imports=words("preproc_include"),
        read_import=_read_import,
    ),
    lexicon=re.compile(
        _LEXICON.format(
            raw=r'R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"|',
            unclosed=r'R"[^()\\\s]{0,16}\(.*|',
        ),
        re.VERBOSE | re.DOTALL,
    ),
    fresh_start=re.compile(
        C.fresh_start.pattern + r"|^(?:class|struct|namespace|template|enum)\b[^\n;]*$", re.MULTILINE
    ),
    continuations=("else", "catch", "while"),
    definition_words=(*C.definition_words, "class", "template", "virtual", "explicit", "namespace"),
    tails=(*C.tails, " {} catch (...) {}"),
)
