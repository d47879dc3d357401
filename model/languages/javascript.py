"""JavaScript with JSX, TypeScript, and TypeScript with JSX.

TSX is a language of its own: what is a type assertion in TypeScript (`<T>value`) opens an element there, and
the grammars differ accordingly. Reference: tree-sitter-javascript 0.25, tree-sitter-typescript 0.23.
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
    ImportedName,
    Language,
    Outline,
    text_of,
    words,
)

if TYPE_CHECKING:
    import tree_sitter


def _read_import(node: tree_sitter.Node) -> Iterator[ImportedModule]:
    """Import and re-export statements, `import(...)` and `require(...)` of a text that is known."""
    if node.type == "call_expression":
        yield from _read_call(node)
        return
    source = node.child_by_field_name("source")
    clause = next((one for one in node.named_children if one.type == "import_require_clause"), None)
    if clause is not None:  # import name = require("module")
        source = clause.child_by_field_name("source")
        if source is not None:
            yield ImportedModule(_unquoted(source), alias=text_of(clause.named_children[0]))
        return
    if source is None:  # export of something that is defined here
        return
    names: list[ImportedName] = []
    alias = None
    stack = list(reversed(node.named_children))
    while stack:
        one = stack.pop()
        if one.type in ("import_specifier", "export_specifier"):
            names.append(_renamed(one.child_by_field_name("name"), one.child_by_field_name("alias")))
        elif one.type in ("namespace_import", "namespace_export"):
            alias = text_of(one.named_children[-1])
        elif one.type == "identifier":  # the default export
            names.append(ImportedName("default", text_of(one)))
        elif one.type in ("import_clause", "named_imports", "export_clause"):
            stack += reversed(one.named_children)
    if any(one.type == "*" for one in node.children):
        names.append(ImportedName("*", "*"))
    yield ImportedModule(_unquoted(source), names=tuple(names), alias=alias)


def _read_call(call: tree_sitter.Node) -> Iterator[ImportedModule]:
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or arguments is None or text_of(function) not in ("require", "import"):
        return
    if arguments.named_child_count != 1 or arguments.named_children[0].type != "string":
        return
    names: tuple[ImportedName, ...] = ()
    alias = None
    target = None
    # const {a, b: c} = require("module"), const {a} = await import("module")
    above = call.parent
    if above is not None and above.type == "await_expression":
        above = above.parent
    if above is not None and above.type == "variable_declarator":
        target = above.child_by_field_name("name")
    if target is not None and target.type == "object_pattern":
        names = tuple(
            _renamed(one.child_by_field_name("key") or one, one.child_by_field_name("value"))
            for one in target.named_children
            if one.type in ("pair_pattern", "shorthand_property_identifier_pattern")
        )
    elif target is not None:
        alias = text_of(target)
    yield ImportedModule(_unquoted(arguments.named_children[0]), names=names, alias=alias)


def _renamed(name: tree_sitter.Node | None, alias: tree_sitter.Node | None) -> ImportedName:
    known = "" if name is None else text_of(name)
    return ImportedName(known, known if alias is None else text_of(alias))


def _unquoted(string: tree_sitter.Node) -> str:
    return text_of(string)[1:-1]


_DEFINES: Mapping[str, DefinitionKind] = {
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "class_declaration": "class",
    "method_definition": "method",
    "variable_declarator": "constant",
    "field_definition": "constant",
}
_HOLES: Mapping[str, HoleKind] = {
    "function_declaration": "definition",
    "generator_function_declaration": "definition",
    "class_declaration": "definition",
    "method_definition": "definition",
    "export_statement": "definition",
    "statement_block": "block",
    "class_body": "block",
    "switch_body": "block",
    "arguments": "arguments",
    **dict.fromkeys(
        words(
            "expression_statement lexical_declaration variable_declaration return_statement if_statement "
            "for_statement for_in_statement while_statement do_statement try_statement switch_statement "
            "throw_statement import_statement field_definition switch_case switch_default"
        ),
        "statement",
    ),
    **dict.fromkeys(
        words(
            "call_expression new_expression member_expression subscript_expression binary_expression "
            "unary_expression update_expression assignment_expression augmented_assignment_expression "
            "ternary_expression arrow_function function_expression await_expression yield_expression object "
            "array pair spread_element"
        ),
        "expression",
    ),
}
_JSX: Mapping[str, HoleKind] = dict.fromkeys(
    words("jsx_element jsx_self_closing_element jsx_attribute"), "expression"
)
_COMPOUNDS = words(
    "if_statement else_clause for_statement for_in_statement while_statement do_statement try_statement "
    "catch_clause finally_clause switch_statement switch_case switch_default labeled_statement "
    "lexical_declaration variable_declaration variable_declarator expression_statement "
    "assignment_expression call_expression arguments parenthesized_expression arrow_function "
    "function_expression return_statement object pair ERROR"
)


def _nested(code: str) -> str:
    """A template, for a verbose expression, in whose `${}` braces nest to a depth of three around `code`.

    Without going back over what matched: a template that is half-typed must fail as fast as one matches.
    """
    held = f"(?:{code}|[^{{}}`])*+"
    for _ in range(2):
        held = rf"(?:{code}|\{{{held}\}}|[^{{}}`])*+"
    return rf"`(?:\\.|\$\{{{held}\}}|(?!\$\{{)[^`\\])*+`"


_QUOTED = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
# A slash begins a regular expression where no value can stand before it.
_REGULAR_EXPRESSION = r"""
    (?:(?<=[(,=:\[!&|?{};>])|(?<=return))[ ]?
    /(?![/*])(?:\\.|\[[^\]\\\n]*+(?:\\.[^\]\\\n]*+)*+\]|[^/\\\n\[])++/[a-z]*
"""
_CODE = rf"{_QUOTED}|/\*.*?\*/|{_REGULAR_EXPRESSION}"
# A template within a template ends at its next quote, so one within that one counts as two: as many quotes.
_TEMPLATE = _nested(_CODE + r"|`(?:\\.|[^`\\])*+`")

JAVASCRIPT = Language(
    name="javascript",
    extensions=(".js", ".mjs", ".cjs", ".jsx"),
    grammar="tree_sitter_javascript:language",
    line_comment="//",
    block_comment=("/*", "*/"),
    braces=True,
    step="  ",  # prettier
    comments=words("comment html_comment"),
    strings=words("string template_string jsx_text"),
    interpolations=words("template_substitution"),
    template=re.compile(r"`\Z"),
    substitution=re.compile(r"\\.|(?P<code>\$\{)", re.DOTALL),
    attached=words("decorator"),
    preamble=re.compile(r"#!|['\"]use strict['\"]|///? *(?:<reference|@ts-|@flow)"),
    definitions=words(
        "function_declaration generator_function_declaration class_declaration method_definition "
        "export_statement"
    ),
    blocks=words("statement_block class_body switch_body"),
    compounds=_COMPOUNDS,
    holes={**_HOLES, **_JSX},
    outline=Outline(
        defines=_DEFINES,
        wrappers=words("export_statement lexical_declaration variable_declaration"),
        functions=words("arrow_function function_expression generator_function"),
        imports=words("import_statement export_statement call_expression"),
        read_import=_read_import,
    ),
    # Strings within the ${} of a template count as part of it.
    lexicon=re.compile(
        rf"(?P<whole>/\*.*?\*/|{_QUOTED}|{_TEMPLATE}|{_REGULAR_EXPRESSION})"
        r"""
        |(?P<comment>//[^\n]*|/\*.*)
        |(?P<unclosed>`.*|["'](?:\\.|[^\\\n])*\\?)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    fresh_start=re.compile(
        r"^(?:export (?:default )?)?(?:(?:async )?function\b|(?:abstract )?class \w|(?:interface|enum) \w)"
        r"|^import [\w{*\"']",
        re.MULTILINE,
    ),
    continuations=("else", "catch", "finally"),
    definition_words=("function", "class", "async", "export", "static", "get", "set"),
    decorations=("//", "/*", "@"),
    tails=("", ";", " {}", " x;", " x", " {} finally {}", ": x"),
    opener="async function* _() {",
    block_openers=frozenset(),
)

_TYPESCRIPT_OUTLINE = Outline(
    defines={
        **{name: kind for name, kind in _DEFINES.items() if name != "field_definition"},
        "abstract_class_declaration": "class",
        "interface_declaration": "class",
        "enum_declaration": "class",
        "type_alias_declaration": "constant",
        "public_field_definition": "constant",
        "function_signature": "function",
        "method_signature": "method",
        "abstract_method_signature": "method",
    },
    wrappers=words("export_statement lexical_declaration variable_declaration ambient_declaration"),
    scopes={"internal_module": "name", "module": "name"},
    functions=JAVASCRIPT.outline.functions,
    imports=JAVASCRIPT.outline.imports,
    read_import=_read_import,
)
TYPESCRIPT = replace(
    JAVASCRIPT,
    name="typescript",
    extensions=(".ts", ".mts", ".cts"),
    grammar="tree_sitter_typescript:language_typescript",
    definitions=JAVASCRIPT.definitions
    | words(
        "abstract_class_declaration interface_declaration enum_declaration type_alias_declaration "
        "internal_module module function_signature abstract_method_signature ambient_declaration"
    ),
    blocks=JAVASCRIPT.blocks | words("interface_body enum_body"),
    holes={
        **{name: kind for name, kind in _HOLES.items() if name != "field_definition"},
        **dict.fromkeys(
            words(
                "abstract_class_declaration interface_declaration enum_declaration type_alias_declaration "
                "internal_module module function_signature abstract_method_signature"
            ),
            "definition",
        ),
        "interface_body": "block",
        "enum_body": "block",
        "public_field_definition": "statement",
        "property_signature": "statement",
        "method_signature": "statement",
        **dict.fromkeys(
            words("as_expression satisfies_expression non_null_expression type_annotation"), "expression"
        ),
    },
    outline=_TYPESCRIPT_OUTLINE,
    definition_words=(
        *JAVASCRIPT.definition_words,
        *("interface", "enum", "namespace", "abstract", "declare", "public", "private", "protected"),
    ),
)
TSX = replace(
    TYPESCRIPT,
    name="tsx",
    extensions=(".tsx",),
    grammar="tree_sitter_typescript:language_tsx",
    holes={**TYPESCRIPT.holes, **_JSX},
)
