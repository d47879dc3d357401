"""The key of a remote engine: from the environment or the system's keyring, and never into a log.

    TABWRIGHT_API_KEY                             the environment variable has the last word
    keyring set tabwright https://host:port       else what was stored for this server, and no other

Not here: what it is sent with (client.py).
"""

from __future__ import annotations

import logging
import os
import re

from model.errors import ConfigError
from model.serving.remote.address import Address

VARIABLE = "TABWRIGHT_API_KEY"
SERVICE = "tabwright"
_HIDDEN = "[key]"
_SHORTEST = 6  # characters: what is shorter is no secret, and hiding it would garble sentences

log = logging.getLogger("model.serving.remote")


class Key:
    """A secret that shows itself to nobody who does not ask for it by name."""

    __slots__ = ("_spelled", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        # As JSON may spell it: `+`, `/` and `<` are escaped by the writers of some languages.
        spellings = (rf"(?:\\?{re.escape(one)}|\\u00(?i:{ord(one):02x}))" for one in value)
        self._spelled = re.compile("".join(spellings))

    def __repr__(self) -> str:
        return _HIDDEN

    def reveal(self) -> str:
        """The key, for the header that carries it."""
        return self._value

    def is_in(self, text: str) -> bool:
        """Whether a text shows it."""
        return len(self._value) >= _SHORTEST and self._value in text

    def hidden(self, text: str) -> str:
        """A text of somebody else's without it."""
        return self._spelled.sub(_HIDDEN, text) if len(self._value) >= _SHORTEST else text


def find(address: Address) -> Key | None:
    """The key for a server, if there is one. Raises ConfigError for one that no header can carry."""
    value = os.environ.get(VARIABLE, "").strip()
    if value:
        return _checked(value, f"the environment variable {VARIABLE}")
    stored = (_stored(address) or "").strip()
    return _checked(stored, f"the keyring's entry {SERVICE} for {address.origin}") if stored else None


def _stored(address: Address) -> str | None:
    try:
        import keyring
    except ImportError:
        return None
    try:
        return keyring.get_password(SERVICE, address.origin)
    except Exception as error:  # backends of many systems, each with errors of its own
        log.info("the keyring cannot be read (%s); only %s counts", type(error).__name__, VARIABLE)
        return None


def _checked(value: str, where: str) -> Key:
    if any(not "!" <= character <= "~" for character in value):
        raise ConfigError(
            f"{where} holds a blank or a character beyond ASCII, which no key has; set it again"
        )
    return Key(value)
