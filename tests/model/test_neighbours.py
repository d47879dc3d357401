from hypothesis import given
from hypothesis import strategies as st

from model.fim import Hole, Snippet
from model.neighbours import choose


def hole(prefix: str, suffix: str = "", path: str = "a.py") -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


ORDER = Snippet(
    path="order.py", text="class Order:\n    def total_price(self, discount):\n        return discount\n"
)
CART = Snippet(path="cart.py", text="def total_price(cart, discount):\n    return cart.amount - discount\n")
OTHER = Snippet(path="other.py", text="def unrelated(socket, address):\n    socket.bind(address)\n")
HERE = "cart = Cart()\namount = total_price(cart, discount)\n"


def test_the_most_similar_stands_last() -> None:
    chosen = choose(hole(HERE), [CART, OTHER, ORDER])
    assert [snippet.path for snippet in chosen] == ["order.py", "cart.py"]
    assert chosen[1].text == CART.text.strip("\n")


def test_nothing_similar_and_nothing_known() -> None:
    assert choose(hole(HERE), [OTHER]) == ()
    assert choose(hole(HERE), []) == ()
    assert choose(hole(""), [CART]) == ()
    assert choose(hole("if not x:\n    return None\n"), [CART]) == ()


def test_the_holes_own_file_is_left_out() -> None:
    assert choose(hole(HERE, path="cart.py"), [CART]) == ()


def test_names_of_the_suffix_count() -> None:
    assert choose(hole("", suffix=HERE), [CART])[0].path == "cart.py"


def test_a_window_of_a_long_file_is_cut_out_at_whole_lines() -> None:
    noise = "\n".join(f"noise_{i} = {i}" for i in range(60))
    file = Snippet(path="long.py", text=f"{noise}\n{CART.text}{noise}")
    (snippet,) = choose(hole(HERE), [file])
    assert "total_price(cart, discount)" in snippet.text
    assert len(snippet.text.split("\n")) <= 12
    (short,) = choose(hole(HERE), [CART], characters=100)
    assert short.text == "def total_price(cart, discount):"


names = st.sampled_from(["total", "price", "cart", "order", "item", "amount", "\n", " ", "(", "é😀"])
texts = st.lists(names, max_size=80).map(" ".join)
snippets = st.lists(
    st.builds(Snippet, path=st.sampled_from(["a.py", "b.py", "c.py"]), text=texts), max_size=5
)


@given(texts, texts, snippets, st.integers(0, 300))
def test_any_choice_is_bounded_and_repeatable(
    prefix: str, suffix: str, files: list[Snippet], room: int
) -> None:
    chosen = choose(hole(prefix, suffix), files, characters=room)
    assert chosen == choose(hole(prefix, suffix), files, characters=room)
    assert len(chosen) <= 2
    assert sum(len(snippet.text) for snippet in chosen) <= room
    for snippet in chosen:
        assert snippet.path != "a.py"
        assert any(snippet.path == file.path and snippet.text in file.text for file in files)
