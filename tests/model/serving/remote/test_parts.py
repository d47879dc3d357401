"""A prompt comes apart into what `fim.render` chose."""

from hypothesis import given
from hypothesis import strategies as st

from model import fim
from model.fim import Hole, Snippet
from model.serving.remote import parts
from model.tokenizer import SPECIAL_TOKENS, Tokenizer

TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("ab (\n\t<|>_é漢🙂"), st.characters(codec="utf-8")), max_size=60
) | st.sampled_from(SPECIAL_TOKENS)
PATH = TEXT.map(lambda text: text.replace("\n", "/"))
SNIPPET = st.builds(Snippet, path=PATH, text=TEXT)
LARGE = 100_000  # tokens: all finds room


@given(PATH, TEXT, TEXT, st.lists(SNIPPET, max_size=3))
def test_all_that_found_room_is_there_again(
    tokenizer: Tokenizer, path: str, prefix: str, suffix: str, neighbours: list[Snippet]
) -> None:
    """Also where texts spell sentinels: those of a prompt are ids that no text has."""
    hole = Hole(path=path, language="python", prefix=prefix, suffix=suffix, neighbours=tuple(neighbours))
    found = parts.of(fim.render(hole, tokenizer, LARGE), tokenizer)
    assert found.prefix == prefix
    assert found.suffix == suffix.rstrip("\ufffd")
    assert found.path == path.lstrip("\ufffd")
    assert found.neighbours == tuple(neighbours)


@given(TEXT, TEXT, st.integers(32, 80))
def test_what_found_no_room_leaves_no_half_of_a_character(
    tokenizer: Tokenizer, prefix: str, suffix: str, budget: int
) -> None:
    prefix, suffix = prefix.replace("\ufffd", ""), suffix.replace("\ufffd", "")
    hole = Hole(path="漢/a.py", language="python", prefix=prefix * 5, suffix=suffix * 5)
    found = parts.of(fim.render(hole, tokenizer, budget), tokenizer)
    assert (suffix * 5).startswith(found.suffix)
    assert (prefix * 5).endswith(found.prefix)


def test_secrets_stay_on_this_machine() -> None:
    secret = "AKIAIOSFODNN7ABCDEFG"
    text = f'aws_access_key_id = "{secret}"\n'
    shown = parts.without_secrets(
        parts.Parts(path="a.py", prefix=text, suffix=text, neighbours=(Snippet(path="b.py", text=text),))
    )
    assert secret not in repr(shown)
    assert shown.prefix.startswith("aws_access_key_id = ")
