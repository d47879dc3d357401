"""What a file says of its project: which modules it imports, and what it defines.

Neighbours are chosen by it, and function tasks are cut by it. All offsets are characters of the text, as in
model/syntax.py. Broken code gives what can be read of it.

Not here: where a module lies in a project (model/neighbours.py), what an import statement looks like in each
language (model/languages/).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import tree_sitter

from model.languages.entry import DefinitionKind, ImportedName, Language, text_of, words
from model.languages.registry import language
from model.syntax import Tree, documentation

__all__ = ["Definition", "DefinitionKind", "Import", "ImportedName", "definitions", "imports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One module that a file imports, as written there: a statement that names three modules gives three.

    `level` counts the dots that begin a relative import of Python (module is what stands behind them, or
    empty); it is 1 for an `#include` in quotes. Paths of other languages stay in `module`: "./util" in
    JavaScript, "crate::parse" in Rust, "java.util" in Java, "net/http" in Go. `names` are taken from within
    the module, JavaScript's default export under the name "default"; where it is empty, the module itself is
    imported, under the name `alias` if that is given.
    """

    module: str
    level: int
    names: tuple[ImportedName, ...]
    alias: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A function, method, class (or what is like one: struct, enum, trait, interface) or constant.

    Constants are the names that a module or a class assigns to at its own level. `start` includes decorators.
    `header_end` is the end of the signature, behind the colon, brace or arrow that opens the body; of a
    constant, behind its name and type. `body` has the docstring in it and lacks the closing brace; None where
    there is none, as in a declaration. `docstring` is the string with its quotes; in languages without
    docstrings it is the documentation comment directly above, which lies before `start`. `parent` is the
    dotted name of the definition around this one, None at the top level.
    """

    name: str
    kind: DefinitionKind
    start: int
    end: int
    header_end: int
    body: tuple[int, int] | None
    docstring: tuple[int, int] | None
    parent: str | None

    @property
    def qualified_name(self) -> str:
        """The name with those around it: "Class.method"."""
        return self.name if self.parent is None else f"{self.parent}.{self.name}"


def imports(tree: Tree) -> list[Import]:
    """Every import of a text, also those within functions, in order."""
    outline = tree.language.outline
    found: list[Import] = []
    cursor = tree.root.walk()
    while True:
        node = cursor.node
        assert node is not None
        is_import = node.type in outline.imports and not node.has_error
        if is_import:
            start, end = tree.character(node.start_byte), tree.character(node.end_byte)
            found += [
                Import(
                    module=one.module,
                    level=one.level,
                    names=one.names,
                    alias=one.alias,
                    start=start,
                    end=end,
                )
                for one in outline.read_import(node)
            ]
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found


class _Place(NamedTuple):
    """Nodes to look for definitions in, and what is around them."""

    node: tree_sitter.Node
    outer: tree_sitter.Node | None  # the wrapper that a definition directly within begins with
    parent: str | None
    around: DefinitionKind | None  # None at the level of the module


@cache
def _descended(language_name: str) -> frozenset[str]:
    entry = language(language_name)
    return entry.blocks | entry.compounds | entry.definitions | entry.outline.wrappers


def definitions(tree: Tree) -> list[Definition]:
    """Every definition of a text, outer before inner, in the order of their beginnings."""
    entry = tree.language
    outline = entry.outline
    descended = _descended(entry.name)
    found: list[Definition] = []
    stack = [_Place(tree.root, None, None, None)]
    while stack:
        place = stack.pop()
        for node in place.node.named_children:
            outer = place.outer or node
            kind = outline.defines.get(node.type)
            if kind == "constant" and place.around in ("function", "method"):
                # Names within a function are its own affair, but a class or function may be in the value.
                kind = None if _function_value(node, entry) is None else kind
            if kind is not None:
                mine = list(_defined(tree, node, outer, kind, place))
                found += mine
                inside = mine[-1] if mine else None
                if inside is not None and inside.kind != "constant":
                    value = _function_value(node, entry) or node
                    stack.append(_Place(value, None, inside.qualified_name, inside.kind))
                    continue
            if node.type in outline.scopes:
                name = _scope_name(node, outline.scopes[node.type])
                around: DefinitionKind | None = "class" if node.type in outline.class_scopes else None
                stack.append(_Place(node, None, _joined(place.parent, name), around))
            elif node.type in outline.wrappers:
                # In a group, `const ( ... )`, each begins for itself.
                grouped = any(child.type == "(" for child in node.children) or node.type.endswith("_list")
                stack.append(_Place(node, None if grouped else outer, place.parent, place.around))
            elif node.type in outline.functions:
                stack.append(_Place(node, None, place.parent, "function"))
            elif node.type in descended:
                stack.append(_Place(node, None, place.parent, place.around))
    return sorted(found, key=lambda one: (one.start, -one.end))


def _joined(parent: str | None, name: str | None) -> str | None:
    return name if parent is None else parent if name is None else f"{parent}.{name}"


def _defined(
    tree: Tree, node: tree_sitter.Node, outer: tree_sitter.Node, kind: DefinitionKind, place: _Place
) -> Iterator[Definition]:
    """The definitions of one node: several where one statement assigns to several names."""
    entry = tree.language
    if tree.language.outline.defines[node.type] == "class" and not _has_body(node):
        return  # the mere use of a type: `struct slot *slot`
    if node.type == "assignment":
        for target, header, given in _assigned(node):
            yield _constant(tree, outer, target, header, given, place.parent)
        return
    value = _function_value(node, entry)
    if kind == "constant" and value is None:
        for declarator in _declarators(node):
            name = _name(declarator)
            held = node.child_by_field_name("type") if node.type == "type_definition" else None
            if name is not None and held is not None and _braces(held, entry) is not None:
                yield from _function(tree, node, outer, "class", place, name)
            elif name is not None and _is_prototype(declarator):
                yield from _function(tree, node, outer, "function", place, name)
            elif name is not None and place.around not in ("function", "method"):
                header, given = _header_and_value(declarator, name)
                yield _constant(tree, outer, name, header, given, place.parent)
        return
    named = _name(node)
    if named is not None:
        yield from _function(tree, node, outer, "function" if kind == "constant" else kind, place, named)


def _function(
    tree: Tree,
    node: tree_sitter.Node,
    outer: tree_sitter.Node,
    kind: DefinitionKind,
    place: _Place,
    name: tree_sitter.Node,
) -> Iterator[Definition]:
    """What has a signature and perhaps a body: functions, methods, classes."""
    entry = tree.language
    if kind == "function" and place.around == "class":
        kind = "method"
    parent = place.parent
    receiver = node.child_by_field_name("receiver")
    if receiver is not None:
        parent = _joined(parent, _first_type(receiver))
    scope, _, last = text_of(name).rpartition("::")
    if scope and kind == "function":  # a method of C++, outside its class
        parent, kind = _joined(parent, scope.split("<")[0].replace("::", ".")), "method"
    start, end = tree.character(outer.start_byte), _end(tree, node)
    opened, body = _body(tree, _function_value(node, entry) or node)
    docstring = None
    if entry.docstring is None:
        docstring = documentation(tree, outer)
    elif body is not None:
        docstring = _docstring(tree, node)
    yield Definition(
        name=last or text_of(name),
        kind=kind,
        start=start,
        end=end,
        header_end=end if opened is None else opened,
        body=body,
        docstring=docstring,
        parent=parent,
    )


def _constant(
    tree: Tree,
    statement: tree_sitter.Node,
    name: tree_sitter.Node,
    header: tree_sitter.Node,
    value: tree_sitter.Node | None,
    parent: str | None,
) -> Definition:
    return Definition(
        name=text_of(name),
        kind="constant",
        start=tree.character(statement.start_byte),
        end=_end(tree, statement),
        header_end=tree.character(header.end_byte),
        body=None if value is None else (tree.character(value.start_byte), tree.character(value.end_byte)),
        docstring=None if tree.language.docstring else documentation(tree, statement),
        parent=parent,
    )


def _end(tree: Tree, node: tree_sitter.Node) -> int:
    """Where a node ends, without the line end that some grammars count to it."""
    end = tree.character(node.end_byte)
    return end - (tree.text[end - 1] == "\n")


def _assigned(
    assignment: tree_sitter.Node,
) -> Iterator[tuple[tree_sitter.Node, tree_sitter.Node, tree_sitter.Node | None]]:
    """(name, what stands before the value, value) for each name that Python's assignment assigns to."""
    node: tree_sitter.Node | None = assignment
    while node is not None and node.type == "assignment":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        header = node.child_by_field_name("type") or left
        value = right
        while value is not None and value.type == "assignment":
            value = value.child_by_field_name("right")
        if left is not None and header is not None and left.type in _TARGETS:
            names = [left] if left.type == "identifier" else left.named_children
            yield from ((name, header, value) for name in names if name.type == "identifier")
        node = right


_TARGETS = ("identifier", "pattern_list", "tuple_pattern")


def _function_value(node: tree_sitter.Node, entry: Language) -> tree_sitter.Node | None:
    """The function that a constant is set to, if it is one."""
    if not entry.outline.functions or entry.outline.defines.get(node.type) != "constant":
        return None
    value = node.child_by_field_name("value")
    return value if value is not None and value.type in entry.outline.functions else None


def _declarators(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """The parts of a declaration that each have a name of their own."""
    several = node.children_by_field_name("declarator")
    if node.type in ("declaration", "field_declaration", "type_definition") and several:
        return several
    names = node.children_by_field_name("name")
    return names if len(names) > 1 else [node]


def _name(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The node of a definition's name. C hides it within declarators."""
    current: tree_sitter.Node | None = node
    while current is not None and not current.is_missing:
        if current.type in _NAMES:
            return current
        inner = current.child_by_field_name("name") or current.child_by_field_name("declarator")
        if inner is None and current.type == "type_alias_statement":
            inner = current.child_by_field_name("left")
        if inner is None and current.type in ("type", "parenthesized_declarator", "reference_declarator"):
            inner = next(iter(current.named_children), None)
        current = inner
    return None


_NAMES = words(
    "identifier type_identifier field_identifier property_identifier private_property_identifier "
    "qualified_identifier destructor_name operator_name metavariable"
)


def _is_prototype(declarator: tree_sitter.Node) -> bool:
    """Whether a declarator of C declares a function, not a variable or a pointer to a function."""
    current: tree_sitter.Node | None = declarator
    while current is not None and current.type in ("pointer_declarator", "reference_declarator"):
        current = current.child_by_field_name("declarator") or next(iter(current.named_children), None)
    if current is None or current.type != "function_declarator":
        return False
    inner = current.child_by_field_name("declarator")
    return inner is not None and inner.type in _NAMES


def _header_and_value(
    node: tree_sitter.Node, name: tree_sitter.Node
) -> tuple[tree_sitter.Node, tree_sitter.Node | None]:
    """What stands before the value of a constant, and the value."""
    if node is name or node.id == name.id:  # one of several names
        return name, None
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if value is None and node.type in ("alias_declaration", "type_item"):
        return name, node.child_by_field_name("type")
    header = node.child_by_field_name("type")
    return (header if header is not None and header.start_byte > name.start_byte else name), value


def _has_body(node: tree_sitter.Node) -> bool:
    return node.child_by_field_name("body") is not None or not node.type.endswith("_specifier")


def _body(tree: Tree, node: tree_sitter.Node) -> tuple[int | None, tuple[int, int] | None]:
    """Where the signature ends, and the span of the body; None for what has none."""
    text = tree.text
    body = node.child_by_field_name("body")
    if not tree.language.braces:
        colon = next((child for child in reversed(node.children) if child.type == ":"), None)
        opened = None if colon is None else tree.character(colon.end_byte)
        if body is None or body.end_byte == body.start_byte or colon is None:
            return opened, None
        return opened, (tree.character(_first_comment(node, colon, body)), tree.character(body.end_byte))
    braces = _braces(body if body is not None else node, tree.language)
    if braces is None:  # the expression behind an arrow or a macro's parameters
        value = body if body is not None else node.child_by_field_name("value")
        if value is None:
            return None, None
        before, start = tree.character(node.start_byte), tree.character(value.start_byte)
        end = start + len(text_of(value).rstrip())
        return before + len(text[before:start].rstrip()), (start, end)
    opened, closed = tree.character(braces[0].end_byte), tree.character(braces[1].start_byte)
    inner = text[opened:closed]
    if not inner.strip():
        return opened, (opened, opened)
    return opened, (closed - len(inner.lstrip()), opened + len(inner.rstrip()))


def _braces(node: tree_sitter.Node, entry: Language) -> tuple[tree_sitter.Node, tree_sitter.Node] | None:
    """The braces around a body: those of the node itself, or of a block or type directly within."""
    marks = [child for child in node.children if child.type in ("{", "}")]
    if len(marks) > 1:
        return marks[0], marks[-1]
    inner = node.child_by_field_name("type")
    within = [inner] if inner is not None else []
    within += [child for child in node.named_children if child.type in entry.blocks]
    return next((found for one in within if (found := _braces(one, entry)) is not None), None)


def _first_comment(node: tree_sitter.Node, colon: tree_sitter.Node, block: tree_sitter.Node) -> int:
    """The byte where Python's body begins: comments above its first statement are not in the block."""
    return min(
        (
            child.start_byte
            for child in node.named_children
            if child.type == "comment"
            and child.start_byte > colon.end_byte
            and child.start_point.row > colon.end_point.row
        ),
        default=block.start_byte,
    )


def _docstring(tree: Tree, node: tree_sitter.Node) -> tuple[int, int] | None:
    block = node.child_by_field_name("body")
    statements = [] if block is None else block.named_children
    first = next((one for one in statements if one.type not in tree.language.comments), None)
    if first is None or first.type != tree.language.docstring or first.named_child_count != 1:
        return None
    string = first.named_children[0]
    # Strings of bytes and those with code in them document nothing.
    if string.type not in tree.language.strings or set(text_of(string.children[0]).lower()) - set("ru\"'"):
        return None
    return tree.character(string.start_byte), tree.character(string.end_byte)


def _scope_name(node: tree_sitter.Node, field: str) -> str | None:
    named = node.child_by_field_name(field)
    if named is None:
        return None
    return _first_type(named) or text_of(named).replace("::", ".")


def _first_type(node: tree_sitter.Node) -> str | None:
    """The first name of a type: Ring of `Ring<'a, T>`, Queue of `(q *Queue[T])`."""
    stack = [node]
    while stack:
        one = stack.pop()
        if one.type == "type_identifier":
            return text_of(one)
        stack += reversed(one.named_children)
    return None
