"""Which key a person presses next who writes a known text in an editor. Pure.

One key writes one character. Enter brings the indentation of the line above, one step more behind what opens
a block or a bracket, as editors do; where the line belongs elsewhere, one more key moves it there (Backspace,
Tab). A blank line loses the indentation that the editor gave it. Brackets and quotes are not closed by the
editor. Texts have LF line ends.

Not here: when a key is pressed (typist.py), suggestions (acceptance.py).
"""

from __future__ import annotations

from dataclasses import dataclass

_BRACKETS = ("(", "[", "{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: `delete` characters before the cursor go, `text` comes."""

    text: str
    delete: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be written behind `before`, the part of its line that stands there already.

    `step` is one level of indentation, `opens` what a line ends with whose next one is deeper. The text does
    not end with a blank line.
    """

    text: str
    before: str
    step: str
    opens: str

    def next_key(self, done: str) -> Key | None:
        """The key that follows where `done` was written; None at the end.

        `done` is a beginning of the text, but for the blanks that the editor put at the start of its last
        line.
        """
        start = done.rfind("\n") + 1
        blanks = done[start:]
        if self.text.startswith(done):
            rest = self.text[len(done) :]
            if not rest:
                return None
            if rest[0] == "\n":
                return Key(text="\n" + self._indentation(done))
            if start and not blanks.strip(" \t"):
                more = rest[: len(rest) - len(rest.lstrip(" \t"))]
                if more:
                    return Key(text=more)
            return Key(text=rest[0])
        assert not blanks.strip(" \t"), "only the editor's indentation may differ"
        wanted = self.text[start:]
        if wanted.startswith("\n"):
            return Key(delete=len(blanks), text="\n" + blanks)
        return Key(delete=len(blanks), text=wanted[: len(wanted) - len(wanted.lstrip(" \t"))])

    def _indentation(self, done: str) -> str:
        """What the editor puts behind the line end."""
        line = (self.before + done).rpartition("\n")[2]
        deeper = line.rstrip().endswith((self.opens, *_BRACKETS))
        return line[: len(line) - len(line.lstrip(" \t"))] + (self.step if deeper else "")

    def keys_alone(self) -> int:
        """How many keys it takes with nobody's help."""
        done, count = "", 0
        while (key := self.next_key(done)) is not None:
            done = pressed(done, key)
            count += 1
        return count


def pressed(done: str, key: Key) -> str:
    """What stands there after the key."""
    return done[: len(done) - key.delete] + key.text


def agreed(done: str, text: str) -> tuple[int, str]:
    """How many characters of the text stand there, and the blanks of the editor's behind them."""
    if text.startswith(done):
        return len(done), ""
    start = done.rfind("\n") + 1
    return start, done[start:]
