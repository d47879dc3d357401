"""Java. Reference: the grammar of tree-sitter-java 0.23."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from model.languages.entry import ImportedModule, ImportedName, Language, Outline, text_of, words

if TYPE_CHECKING:
    import tree_sitter


def _read_import(node: tree_sitter.Node) -> Iterator[ImportedModule]:
    """The package (of a static import: the class), and the name taken from it."""
    path = next((one for one in node.named_children if one.type in ("scoped_identifier", "identifier")), None)
    if path is None:
        return
    dotted = "".join(text_of(path).split())
    if any(one.type == "asterisk" for one in node.named_children):
        yield ImportedModule(dotted, names=(ImportedName("*", "*"),))
    else:
        module, _, name = dotted.rpartition(".")
        yield ImportedModule(module, names=(ImportedName(name, name),))


_TYPES = words(
    "class_declaration interface_declaration enum_declaration record_declaration annotation_type_declaration"
)
_FUNCTIONS = words("method_declaration constructor_declaration compact_constructor_declaration")
_BLOCKS = words(
    "block class_body interface_body enum_body enum_body_declarations annotation_type_body constructor_body "
    "switch_block"
)

JAVA = Language(
    name="java",
    extensions=(".java",),
    grammar="tree_sitter_java:language",
    line_comment="//",
    block_comment=("/*", "*/"),
    braces=True,
    comments=words("line_comment block_comment"),
    strings=words("string_literal character_literal"),
    interpolations=words("string_interpolation"),
    preamble=re.compile(r"\Z(?!\Z)"),  # no such lines
    definitions=_TYPES | _FUNCTIONS,
    blocks=_BLOCKS,
    compounds=words(
        "if_statement for_statement enhanced_for_statement while_statement do_statement try_statement "
        "try_with_resources_statement catch_clause finally_clause synchronized_statement switch_expression "
        "switch_rule switch_block_statement_group labeled_statement static_initializer "
        "local_variable_declaration field_declaration variable_declarator object_creation_expression "
        "expression_statement return_statement method_invocation argument_list lambda_expression ERROR"
    ),
    holes={
        **dict.fromkeys(_TYPES | _FUNCTIONS, "definition"),
        **dict.fromkeys(_BLOCKS - {"enum_body_declarations"}, "block"),
        "argument_list": "arguments",
        **dict.fromkeys(
            words(
                "expression_statement local_variable_declaration field_declaration return_statement "
                "if_statement for_statement enhanced_for_statement while_statement do_statement "
                "try_statement try_with_resources_statement throw_statement assert_statement "
                "synchronized_statement yield_statement switch_rule switch_block_statement_group "
                "import_declaration package_declaration enum_constant"
            ),
            "statement",
        ),
        **dict.fromkeys(
            words(
                "method_invocation field_access array_access binary_expression unary_expression "
                "update_expression assignment_expression ternary_expression lambda_expression "
                "method_reference object_creation_expression array_creation_expression cast_expression "
                "instanceof_expression switch_expression array_initializer"
            ),
            "expression",
        ),
    },
    outline=Outline(
        defines={
            **dict.fromkeys(_TYPES, "class"),
            **dict.fromkeys(_FUNCTIONS, "method"),
            "variable_declarator": "constant",
        },
        wrappers=words("field_declaration"),
        imports=words("import_declaration"),
        read_import=_read_import,
    ),
    lexicon=re.compile(
        r"""
        (?P<whole>/\*.*?\*/
                 |\"{3}(?:\\.|"(?!"")|[^"\\])*\"{3}
                 |(?!\"{3})(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
        |(?P<comment>//[^\n]*|/\*.*)
        |(?P<unclosed>\"{3}.*|["'](?:\\.|[^\\\n])*\\?)
        |(?P<opener>[(\[{])
        |(?P<closer>[)\]}])
        """,
        re.VERBOSE | re.DOTALL,
    ),
    fresh_start=re.compile(
        r"^(?:package|import) \w|^(?:(?:public|abstract|final|sealed) )*(?:class|interface|enum|record) \w",
        re.MULTILINE,
    ),
    continuations=("else", "catch", "finally"),
    definition_words=(
        *("public", "private", "protected", "static", "abstract", "final", "default", "void"),
        *("class", "interface", "enum", "record"),
    ),
    decorations=("//", "/*", "@"),
    tails=("", ";", " {}", " x;", " x", " {} finally {}"),
    opener="class _ { void _() {",
    block_openers=frozenset(),
)
