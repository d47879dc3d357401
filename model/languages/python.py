"""Python. Reference: the grammar of tree-sitter-python 0.25."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from model.languages.entry import ImportedModule, ImportedName, Language, Outline, text_of, words

if TYPE_CHECKING:
    import tree_sitter


def _read_import(node: tree_sitter.Node) -> Iterator[ImportedModule]:
    names = []
    for child in node.children_by_field_name("name"):
        name, alias = child, None
        if child.type == "aliased_import":
            name, alias = child.named_children[0], text_of(child.named_children[-1])
        names.append((_dotted(name), alias))
    if node.type == "import_statement":
        for module, alias in names:
            yield ImportedModule(module, alias=alias)
        return
    module, level = "__future__", 0
    source = node.child_by_field_name("module_name")
    if source is not None:
        dotted: tree_sitter.Node | None = source
        if source.type == "relative_import":
            level = text_of(source.named_children[0]).count(".")
            dotted = source.named_children[1] if source.named_child_count > 1 else None
        module = "" if dotted is None else _dotted(dotted)
    taken = [ImportedName(name, alias or name) for name, alias in names]
    if any(child.type == "wildcard_import" for child in node.named_children):
        taken.append(ImportedName("*", "*"))
    yield ImportedModule(module, level=level, names=tuple(taken))


def _dotted(name: tree_sitter.Node) -> str:
    return ".".join(text_of(part) for part in name.named_children if part.type == "identifier")


PYTHON = Language(
    name="python",
    extensions=(".py", ".pyi", ".pyw"),
    grammar="tree_sitter_python:language",
    line_comment="#",
    comments=words("comment"),
    strings=words("string"),
    interpolations=words("interpolation"),
    template=re.compile(r"(?<!\w)(?:[rR]?[fFtT]|[fFtT][rR])[\"']\Z"),
    substitution=re.compile(r"\\N\{[^}\n]*\}?|\{\{|(?P<code>\{)"),
    docstring="expression_statement",
    preamble=re.compile(r"#!|#.*coding[:=]|# -\*-"),
    definitions=words("function_definition class_definition decorated_definition"),
    blocks=words("block"),
    compounds=words(
        "if_statement elif_clause else_clause for_statement while_statement try_statement except_clause "
        "finally_clause with_statement match_statement case_clause ERROR"
    ),
    holes={
        "function_definition": "definition",
        "class_definition": "definition",
        "decorated_definition": "definition",
        "block": "block",
        "argument_list": "arguments",
        **dict.fromkeys(
            words(
                "expression_statement return_statement assert_statement raise_statement delete_statement "
                "import_statement import_from_statement global_statement nonlocal_statement if_statement "
                "for_statement while_statement with_statement try_statement match_statement"
            ),
            "statement",
        ),
        **dict.fromkeys(
            words(
                "call attribute subscript binary_operator boolean_operator comparison_operator not_operator "
                "unary_operator conditional_expression lambda list dictionary set tuple list_comprehension "
                "dictionary_comprehension set_comprehension generator_expression await keyword_argument"
            ),
            "expression",
        ),
    },
    outline=Outline(
        defines={
            "function_definition": "function",
            "class_definition": "class",
            "assignment": "constant",
            "type_alias_statement": "constant",
        },
        wrappers=words("decorated_definition expression_statement"),
        imports=words("import_statement import_from_statement future_import_statement"),
        read_import=_read_import,
    ),
    lexicon=re.compile(
        r"""
        (?P<comment>\#[^\n]*)
        |(?P<whole>'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''
                  |\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}
                  |(?!'''|\"{3})(?:'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
        |(?P<unclosed>'''.*|\"{3}.*|["'](?:\\.|[^\\\n])*\\?)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    # Prose in docstrings may begin a line with "if" or "from", hence the rest of the line.
    fresh_start=re.compile(
        r"^[ \t]*(?:(?:async )?def \w+[ \t]*[(\[]|class \w+[ \t]*[(:\[])"
        r"|^@\w|^import \w|^from \S+ import |^(?:if|for|with) .*:$",
        re.MULTILINE,
    ),
    continuations=("elif", "else", "except", "finally"),
    definition_words=("def", "class", "async"),
    decorations=("#", "@"),
    tails=("", " pass", ": pass", " pass\nfinally: pass", "\ndef _(): pass"),
    opener="if True:",
    block_openers=words("def class if elif else for while with try except finally async match case"),
)
