"""A key is found where it may be, and shows itself to nobody."""

import logging
import sys
from types import SimpleNamespace

import pytest

from model.errors import ConfigError
from model.serving.remote import address, keys
from model.serving.remote.keys import Key

WHERE = address.read("https://h.example/v1")
OTHER = address.read("https://other.example/v1")


def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABWRIGHT_API_KEY", " given\n")
    found = keys.find(WHERE)
    assert found is not None
    assert found.reveal() == "given"


def test_a_stored_key_is_for_its_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("TABWRIGHT_API_KEY", raising=False)
    asked = []
    ring = SimpleNamespace(
        get_password=lambda service, user: (
            asked.append((service, user)) or ("stored" if user == WHERE.origin else None)
        )
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    found = keys.find(WHERE)
    assert found is not None
    assert found.reveal() == "stored"
    assert keys.find(OTHER) is None
    assert asked == [("tabwright", "https://h.example:443"), ("tabwright", "https://other.example:443")]


def test_a_keyring_that_fails_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("TABWRIGHT_API_KEY", raising=False)

    def broken(service: str, user: str) -> str:
        raise RuntimeError("locked, and here is a secret")

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=broken))
    with caplog.at_level(logging.DEBUG):
        assert keys.find(WHERE) is None
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("value", ["two words", "a\r\nX-Injected: 1", "käse"])
def test_what_no_header_can_carry_is_refused_and_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABWRIGHT_API_KEY", value)
    with pytest.raises(ConfigError) as caught:
        keys.find(WHERE)
    assert value not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    key = Key("sk-0123456789")
    for text in (repr(key), str(key), f"{key}", f"{[key]}", "%s" % key):  # noqa: UP031
        assert "0123" not in text
    assert key.hidden("wrong key sk-0123456789!") == "wrong key [key]!"
    odd = Key("sk-a/b+c<d")
    for spelled in ("sk-a/b+c<d", r"sk-a\/b+c<d", r"sk-a/b\u002Bc\u003cd", r"\u0073k-a/b+c<d"):
        assert odd.hidden(f"wrong key {spelled}!") == "wrong key [key]!", "as JSON may write it"
    assert key.is_in("x sk-0123456789 y")
    assert not Key("a").is_in("a"), "one letter is everywhere"
