"""Rust. Reference: the grammar of tree-sitter-rust 0.24."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from model.languages.entry import ImportedModule, ImportedName, Language, Outline, text_of, words

if TYPE_CHECKING:
    import tree_sitter


def _read_import(node: tree_sitter.Node) -> Iterator[ImportedModule]:
    """`use` declarations; also `mod name;`, which stands for self::name, and `extern crate`."""
    if node.type == "use_declaration":
        argument = node.child_by_field_name("argument")
        if argument is not None:
            yield from _read_use(argument, "")
        return
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    if name is None or node.child_by_field_name("body") is not None:
        return
    module = text_of(name) if node.type == "extern_crate_declaration" else f"self::{text_of(name)}"
    yield ImportedModule(module, alias=None if alias is None else text_of(alias))


def _read_use(tree: tree_sitter.Node, around: str) -> Iterator[ImportedModule]:
    """One module for each path of the use tree `tree`, which stands behind the path `around`."""
    if tree.type == "scoped_use_list":
        path, inner = tree.child_by_field_name("path"), tree.child_by_field_name("list")
        if inner is not None:
            yield from _read_use(inner, _joined(around, "" if path is None else _path(path)))
    elif tree.type == "use_list":
        names: list[ImportedName] = []
        for one in tree.named_children:
            leaf = _leaf(one)
            if leaf is not None and not leaf[0] and around and leaf[1].name == "self":
                yield ImportedModule(around, alias=leaf[1].local if one.type == "use_as_clause" else None)
            elif leaf is not None and not leaf[0] and around:
                names.append(leaf[1])
            elif one.type not in ("line_comment", "block_comment"):
                yield from _read_use(one, around)
        if names:
            yield ImportedModule(around, names=tuple(names))
    elif tree.type == "use_wildcard":
        before = _path(tree.named_children[0]) if tree.named_children else ""
        yield ImportedModule(_joined(around, before), names=(ImportedName("*", "*"),))
    elif (leaf := _leaf(tree)) is not None:
        module = _joined(around, leaf[0])
        if module:
            yield ImportedModule(module, names=(leaf[1],))
        else:
            name, local = leaf[1]
            yield ImportedModule(name, alias=None if local == name else local)


def _leaf(tree: tree_sitter.Node) -> tuple[str, ImportedName] | None:
    """The path before the name, and the name, of a use tree that has only one."""
    alias = None
    if tree.type == "use_as_clause":
        path, alias = tree.child_by_field_name("path"), tree.child_by_field_name("alias")
        if path is None:
            return None
        tree = path
    if tree.type not in ("identifier", "scoped_identifier", "self", "crate", "super"):
        return None
    before, _, name = _path(tree).rpartition("::")
    return before, ImportedName(name, name if alias is None else text_of(alias))


def _path(node: tree_sitter.Node) -> str:
    return "".join(text_of(node).split())


def _joined(around: str, path: str) -> str:
    return f"{around}::{path}" if around and path else around or path


RUST = Language(
    name="rust",
    extensions=(".rs",),
    grammar="tree_sitter_rust:language",
    line_comment="//",
    block_comment=("/*", "*/"),
    braces=True,
    comments=words("line_comment block_comment"),
    strings=words("string_literal raw_string_literal char_literal"),
    attached=words("attribute_item"),
    preamble=re.compile(r"#!"),
    definitions=words(
        "function_item function_signature_item struct_item enum_item union_item trait_item impl_item "
        "mod_item macro_definition"
    ),
    blocks=words("block declaration_list field_declaration_list enum_variant_list match_block"),
    compounds=words(
        "expression_statement if_expression else_clause match_expression match_arm for_expression "
        "while_expression loop_expression unsafe_block async_block foreign_mod_item let_declaration ERROR"
    ),
    holes={
        **dict.fromkeys(
            words(
                "function_item struct_item enum_item union_item trait_item impl_item mod_item "
                "macro_definition"
            ),
            "definition",
        ),
        **dict.fromkeys(
            words("block declaration_list field_declaration_list enum_variant_list match_block"), "block"
        ),
        "arguments": "arguments",
        **dict.fromkeys(
            words(
                "expression_statement let_declaration use_declaration const_item static_item type_item "
                "function_signature_item match_arm field_declaration enum_variant extern_crate_declaration "
                "return_expression if_expression match_expression for_expression while_expression "
                "loop_expression"
            ),
            "statement",
        ),
        **dict.fromkeys(
            words(
                "call_expression macro_invocation field_expression index_expression binary_expression "
                "unary_expression reference_expression assignment_expression compound_assignment_expr "
                "closure_expression struct_expression tuple_expression array_expression try_expression "
                "await_expression type_cast_expression range_expression field_initializer"
            ),
            "expression",
        ),
    },
    outline=Outline(
        defines={
            "function_item": "function",
            "function_signature_item": "function",
            "macro_definition": "function",
            "struct_item": "class",
            "enum_item": "class",
            "union_item": "class",
            "trait_item": "class",
            "const_item": "constant",
            "static_item": "constant",
            "type_item": "constant",
        },
        scopes={"impl_item": "type", "mod_item": "name"},
        class_scopes=words("impl_item"),
        imports=words("use_declaration mod_item extern_crate_declaration"),
        read_import=_read_import,
    ),
    # A quote is a character only where another follows it; otherwise it begins a lifetime and means nothing.
    lexicon=re.compile(
        r"""
        (?P<whole>/\*(?:/\*.*?\*/|(?!/\*).)*?\*/
                 |(?<!\w)[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
                 |"(?:\\.|[^"\\])*"
                 |'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}\n]*\}|[^\n])|[^'\\\n])')
        |(?P<comment>//[^\n]*|/\*.*)
        |(?P<unclosed>(?<!\w)[bc]?r\#*".*|".*|'\\[^\n]*)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    fresh_start=re.compile(
        r"^(?:pub(?:\([a-z: ]+\))? )?(?:(?:const |async |unsafe )*fn|struct|enum|trait|mod|use) \w"
        r"|^impl\b|^\#\[\w",
        re.MULTILINE,
    ),
    continuations=("else",),
    definition_words=(
        "fn",
        "pub",
        "struct",
        "enum",
        "trait",
        "impl",
        "mod",
        "async",
        "unsafe",
        "macro_rules",
    ),
    decorations=("//", "/*", "#[", "#!["),
    tails=("", ";", " {}", " x;", " x", " => x"),
    opener="fn _() {",
    block_openers=frozenset(),
)
