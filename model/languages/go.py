"""Go. Reference: the grammar of tree-sitter-go 0.25."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from model.languages.entry import ImportedModule, ImportedName, Language, Outline, text_of, words

if TYPE_CHECKING:
    import tree_sitter


def _read_import(spec: tree_sitter.Node) -> Iterator[ImportedModule]:
    path, name = spec.child_by_field_name("path"), spec.child_by_field_name("name")
    if path is None:
        return
    alias = None if name is None else text_of(name)
    if alias == ".":
        yield ImportedModule(text_of(path)[1:-1], names=(ImportedName("*", "*"),))
    else:
        yield ImportedModule(text_of(path)[1:-1], alias=alias)


GO = Language(
    name="go",
    extensions=(".go",),
    grammar="tree_sitter_go:language",
    line_comment="//",
    block_comment=("/*", "*/"),
    braces=True,
    step="\t",  # gofmt
    comments=words("comment"),
    strings=words("interpreted_string_literal raw_string_literal rune_literal"),
    preamble=re.compile(r"//go:build|// \+build"),
    definitions=words(
        "function_declaration method_declaration type_declaration const_declaration var_declaration"
    ),
    blocks=words("block field_declaration_list"),
    compounds=words("if_statement for_statement statement_list ERROR"),
    holes={
        **dict.fromkeys(
            words("function_declaration method_declaration type_declaration type_spec"), "definition"
        ),
        "block": "block",
        "field_declaration_list": "block",
        "argument_list": "arguments",
        **dict.fromkeys(
            words(
                "expression_statement short_var_declaration var_declaration const_declaration "
                "assignment_statement inc_statement dec_statement return_statement if_statement "
                "for_statement expression_switch_statement type_switch_statement select_statement "
                "defer_statement go_statement send_statement import_declaration expression_case type_case "
                "communication_case default_case field_declaration const_spec method_elem"
            ),
            "statement",
        ),
        **dict.fromkeys(
            words(
                "call_expression selector_expression index_expression slice_expression binary_expression "
                "unary_expression composite_literal func_literal keyed_element type_assertion_expression "
                "type_conversion_expression range_clause"
            ),
            "expression",
        ),
    },
    outline=Outline(
        defines={
            "function_declaration": "function",
            "method_declaration": "method",
            "type_spec": "class",
            "type_alias": "class",
            "const_spec": "constant",
            "var_spec": "constant",
        },
        wrappers=words("type_declaration const_declaration var_declaration var_spec_list"),
        imports=words("import_spec"),
        read_import=_read_import,
    ),
    lexicon=re.compile(
        r"""
        (?P<whole>/\*.*?\*/|"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.[^'\n]*|[^'\\\n])')
        |(?P<comment>//[^\n]*|/\*.*)
        |(?P<unclosed>`.*|["'](?:\\.|[^\\\n])*\\?)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    fresh_start=re.compile(r"^(?:func|type|package) [\w(]|^import [\"(]", re.MULTILINE),
    continuations=(),  # a line break before else is an error
    definition_words=("func", "type"),
    decorations=("//", "/*"),
    tails=("", " {}", " x", ": x", " := range x {}"),
    opener="func _() {",
    block_openers=frozenset(),
)
