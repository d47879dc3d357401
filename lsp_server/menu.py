"""Suggestions as entries of a menu, for editors without ghost text. They replace the word before the cursor.

Menus show what matches that word, so an entry begins with it. Not here: what is suggested (service.py).
"""

from __future__ import annotations

import re

from lsprotocol import types

from lsp_server.attribution import Matches, records
from lsp_server.documents import Encoding, units

_WORD_BEFORE = re.compile(r"\w*\Z")
_LABEL_LENGTH = 60


def word_before(prefix: str) -> str:
    """The word that an entry has to match."""
    found = _WORD_BEFORE.search(prefix)
    return found.group() if found else ""


def range_of(word: str, position: types.Position, encoding: Encoding) -> types.Range:
    """Where the word before a position stands."""
    column = max(0, position.character - units(word, encoding))
    return types.Range(start=types.Position(line=position.line, character=column), end=position)


def entry(
    text: str, where: types.Range, order: int, command: types.Command, language: str, matches: Matches
) -> types.CompletionItem:
    """One entry; which text it inserts is told when it is looked at."""
    first, _, more = text.strip().partition("\n")
    first = first.rstrip("\r")
    return types.CompletionItem(
        label=first[:_LABEL_LENGTH] + ("…" if more or len(first) > _LABEL_LENGTH else ""),
        kind=types.CompletionItemKind.Text,
        detail=f"Tabwright: as in {matches[0].project}, {matches[0].license}" if matches else "Tabwright",
        filter_text=first,
        sort_text=f"\t{order}",  # before every name
        text_edit=types.TextEdit(range=where, new_text=text),
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        command=command,
        data={"language": language, "attribution": records(matches)},
    )


def resolved(item: types.CompletionItem, about_editor: types.ClientCapabilities) -> types.CompletionItem:
    """An entry with its whole text, as the editor can show it: only one entry in many is looked at."""
    about_text = about_editor.text_document
    about_item = about_text.completion.completion_item if about_text and about_text.completion else None
    formats = about_item.documentation_format if about_item is not None else None
    text = item.text_edit.new_text if item.text_edit is not None else item.label
    text = text.replace("\r\n", "\n")
    if not formats:
        item.documentation = text  # the editor may be older than MarkupContent
        return item
    if types.MarkupKind.Markdown in formats:
        language = item.data.get("language", "") if isinstance(item.data, dict) else ""
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        kind, text = types.MarkupKind.Markdown, f"{fence}{language}\n{text}\n{fence}"
    else:
        kind = types.MarkupKind.PlainText
    item.documentation = types.MarkupContent(kind=kind, value=text)
    return item
