"""Where text goes, and what must not stand in an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ConfigError
from model.serving.remote import address


def test_the_base_of_an_api_is_taken_with_or_without_its_end() -> None:
    for text in ("https://h.example/v1", "https://h.example/v1/", " https://h.example/v1/completions "):
        found = address.read(text)
        assert (found.url, found.origin) == ("https://h.example/v1", "https://h.example:443")
    assert address.read("https://h.example/v1/fim/completions").url == "https://h.example/v1/fim"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "h.example/v1", "ftp://h.example", "http://", "https://h.example:99999/v1", "http://[::1/v1",
     "https://h.exämple/v1", "https://h.example/v 1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_a_sentence_that_names_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match=r"tabwright\.engineUrl"):
        address.read(text)


@pytest.mark.parametrize(
    "text",
    ["https://user:s3cret@h.example/v1", "https://s3cret@h.example/v1", "https://h.example/v1?key=s3cret",
     "https://h.example/v1#s3cret"],
)  # fmt: skip
def test_a_key_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        address.read(text)
    assert "s3cret" not in str(caught.value)
    assert "TABWRIGHT_API_KEY" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://[::1]:8000/v1", False),
        ("http://10.1.2.3/v1", False),
        ("http://192.168.1.2/v1", False),
        ("http://gpu-box/v1", False),
        ("http://gpu.lan/v1", False),
        ("https://h.example.org/v1", False),
        ("http://h.example.org/v1", True),
        ("http://8.8.8.8/v1", True),
    ],
)
def test_an_address_without_encryption_beyond_the_own_network_is_warned_of(text: str, warned: bool) -> None:
    assert (address.read(text).warning is not None) == warned


def test_only_this_machine_is_this_machine() -> None:
    assert address.read("http://localhost/v1").is_loopback
    assert not address.read("http://10.0.0.1/v1").is_loopback
    assert not address.read("http://localhost.example.org/v1").is_loopback


@given(st.text())
def test_any_text_is_an_address_or_one_sentence(text: str) -> None:
    found: address.Address | None = None
    said = ""
    try:
        found = address.read(text)
    except ConfigError as error:
        said = str(error)
    assert (found is None) == bool(said)
    assert "\n" not in said
    assert found is None or (found.host and found.url.startswith(f"{found.scheme}://"))
