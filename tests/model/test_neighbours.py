"""What is shown of other files: definitions and siblings, the best last, the same while a line is typed."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from model.fim import Hole, Snippet, render
from model.neighbourhood import Neighbourhood
from model.neighbours import characters_for, choose
from model.tokenizer import Tokenizer


def hole(prefix: str, suffix: str = "", path: str = "a.py", language: str = "python") -> Hole:
    return Hole(path=path, language=language, prefix=prefix, suffix=suffix)


def project(*files: Snippet) -> Neighbourhood:
    return Neighbourhood(files)


ORDER = Snippet(
    path="order.py", text="class Order:\n    def total_price(self, discount):\n        return discount\n"
)
CART = Snippet(path="cart.py", text="def total_price(cart, discount):\n    return cart.amount - discount\n")
OTHER = Snippet(path="other.py", text="def unrelated(socket, address):\n    socket.bind(address)\n")
HERE = "cart = Cart()\namount = total_price(cart, discount)\n"


# --- siblings ----------------------------------------------------------------------------------------------


def test_the_most_similar_stands_last() -> None:
    chosen = choose(hole(HERE), project(CART, OTHER, ORDER))
    assert [snippet.path for snippet in chosen][-1] == "cart.py"
    assert chosen[-1].text in CART.text


def test_nothing_similar_and_nothing_known() -> None:
    assert choose(hole(HERE), project(OTHER)) == ()
    assert choose(hole(HERE), project()) == ()
    assert choose(hole(""), project(CART)) == ()
    assert choose(hole("if not x:\n    return None\n"), project(CART)) == ()


def test_the_holes_own_file_is_left_out() -> None:
    assert choose(hole(HERE, path="cart.py"), project(CART)) == ()


def test_names_of_the_suffix_count() -> None:
    assert choose(hole("", suffix="\n" + HERE), project(CART))[0].path == "cart.py"


def test_files_of_other_languages_are_left_out() -> None:
    script = Snippet(path="cart.js", text=CART.text)
    assert choose(hole(HERE), project(script)) == ()


def test_a_window_of_a_long_file_is_cut_out_at_whole_lines() -> None:
    noise = "\n".join(f"noise_{i} = {i}" for i in range(60))
    file = Snippet(path="long.py", text=f"{noise}\n{CART.text}{noise}")
    (snippet,) = choose(hole(HERE), project(file))
    assert "total_price(cart, discount)" in snippet.text
    assert len(snippet.text.split("\n")) <= 20
    (short,) = choose(hole(HERE), project(Snippet(path="c.py", text=CART.text * 3)), characters=80)
    assert short.text == CART.text.rstrip()


def test_a_name_near_the_cursor_counts_more_than_one_far_above() -> None:
    far = "alpha_one(beta_two, gamma_three)\n"
    near = "delta_four(epsilon_five, zeta_six)\n"
    files = project(Snippet(path="far.py", text=far * 3), Snippet(path="near.py", text=near * 3))
    filler = "".join(f"step_{number}()\n" for number in range(8))
    assert choose(hole(far + filler + near), files)[-1].path == "near.py"


# --- the choice stands still while a line is typed ---------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_line_being_typed_changes_nothing(before: int, behind: int) -> None:
    files = project(CART, OTHER, ORDER)
    line = "unrelated(socket, address) + total_price(order)"
    typed = hole(HERE + line[:before], line[-behind:] + "\n" + HERE)
    assert choose(typed, files) == choose(hole(HERE, "\n" + HERE), files) != ()


# --- definitions of imported names -------------------------------------------------------------------------

MODELS = Snippet(
    path="shop/models.py",
    text='''import dataclasses


@dataclasses.dataclass
class Order:
    """An order of one customer.

    It is never changed.
    """

    number: int
    _seen: bool = False

    def total(
        self,
        discount: float,
    ) -> float:
        """What is to be paid."""
        return 1 - discount

    def _forget(self):
        self._seen = False


LIMIT = 20


def load(path: str) -> Order:
    return Order(number=len(path))
''',
)
PACKAGE = Snippet(path="shop/__init__.py", text="from .models import Order, load as read\n")


def shown(prefix: str, *files: Snippet, path: str = "shop/views.py", language: str = "python") -> str:
    chosen = choose(hole(prefix, path=path, language=language), project(*files))
    return "\n".join(f"[{snippet.path}] {snippet.text}" for snippet in chosen)


def test_a_class_is_shown_by_its_signatures_and_the_first_line_of_its_docstring() -> None:
    assert shown("from shop.models import Order\n\n", MODELS) == "\n".join(
        [
            "[shop/models.py] class Order:",
            '    """An order of one customer."""',
            "    number: int",
            "    def total(self, discount: float) -> float:",
            "    _seen: bool = False",
            "    def _forget(self):",
        ]
    )


def test_imports_are_found_absolute_relative_and_handed_on() -> None:
    for statement in (
        "from shop.models import load",
        "from .models import load",
        "from shop import read",
        "from . import read",
        "from .models import (\n    LIMIT as most,\n    load,\n)",
    ):
        assert "def load(path: str) -> Order:" in shown(statement + "\n\n", MODELS, PACKAGE), statement
    source_root = [Snippet(path="src/" + file.path, text=file.text) for file in (MODELS, PACKAGE)]
    assert "def load" in shown("from shop.models import load\n", *source_root, path="src/shop/views.py")
    assert "def load" in shown("from shop.models import load\n", *source_root, path="tests/test_shop.py")


def test_names_are_followed_through_packages_that_only_hand_them_on() -> None:
    outer = Snippet(path="site/__init__.py", text="from shop import *\n")
    outermost = Snippet(path="all.py", text="from site import read as fetch\n")
    text = shown("from all import fetch\n\n", MODELS, PACKAGE, outer, outermost, path="main.py")
    assert "def load(path: str) -> Order:" in text


def test_of_an_imported_module_the_names_taken_by_a_dot_are_shown() -> None:
    for statement in ("from shop import models", "import shop.models as models", "from . import models"):
        text = shown(f"{statement}\n\norder = models.load(name)\n", MODELS, PACKAGE)
        assert "def load(path: str)" in text, statement
        assert "class Order" not in text


def test_a_module_of_the_standard_library_is_not_taken_for_a_file_of_a_package() -> None:
    own = Snippet(path="shop/json.py", text="def loads(text):\n    return text\n")
    assert shown("from json import loads\n\n", own, PACKAGE) == ""
    assert "def loads" in shown("from .json import loads\n\n", own, PACKAGE)


def test_circular_imports_end() -> None:
    files = (
        Snippet(path="one.py", text="from two import thing\n"),
        Snippet(path="two.py", text="from one import thing\n"),
    )
    assert "[one.py]" not in shown("from one import thing\n", *files, path="two.py")
    assert "[zero.py]" not in shown("from one import thing\n", *files, path="zero.py")


def order_of(names: str, text: str) -> str:
    """The imported names, each a function of a file of its own, the one shown last first."""
    files = [Snippet(path=f"{n}.py", text=f"def {n}(argument_{n}):\n    return 1\n") for n in names]
    chosen = shown("".join(f"from {n} import {n}\n" for n in names) + text, *files, path="main.py")
    return "".join(line[1] for line in reversed(chosen.split("\n")))


def test_one_unused_name_comes_first_then_the_nearest_and_names_used_far_are_left_out() -> None:
    filler = "x = 1\n" * 400
    assert order_of("abcd", "d()\n" + filler + "c()\n" + "\n" * 50 + "b()\n") == "abc"
    # Near, but not used: part of another word. Used: in the text behind the cursor.
    assert order_of("abc", "b()\nc()\nb_a = 1\n") == "acb"
    assert order_of("ab", "a()\n" + filler) == "b"


def test_of_several_unused_names_only_one_comes_before_those_used_near() -> None:
    assert order_of("abcd", "d()\n") == "adbc"


def test_an_unused_name_of_another_project_does_not_take_the_first_place() -> None:
    text = "from __future__ import annotations\nimport os\n"
    files = [Snippet(path=f"{n}.py", text=f"def {n}(argument_{n}):\n    return 1\n") for n in "ab"]
    chosen = shown(text + "from b import b\nfrom a import a\nb()\n", *files, path="main.py")
    assert [line[1] for line in chosen.split("\n")] == ["b", "a"]


def test_a_minified_file_is_looked_at_in_no_time() -> None:
    line = "".join(f"exports.a{n}=b;require;import " for n in range(4000))
    started = time.process_time()
    for text in (line, line + "\n", (" " * 900 + "export x require y\n") * 150):
        choose(hole(text, text, path="a.js", language="javascript"), project(CART))
    assert time.process_time() - started < 1


def test_files_that_import_all_of_one_another_are_looked_through_once() -> None:
    stars = "".join(f"from m{n} import *\n" for n in range(40))
    files = project(*(Snippet(path=f"m{n}.py", text=stars) for n in range(40)))
    wanted = ", ".join(f"name_{n}" for n in range(20))
    started = time.process_time()
    assert choose(hole(f"from m0 import {wanted}\n"), files) == ()
    assert time.process_time() - started < 2


def test_a_constant_is_shown_whole_or_not_at_all() -> None:
    whole = 'SIZES = {\n    "small": 1,\n    "large": 2,\n}'
    quotes = "'" * 3
    large = f"TEXT = {quotes}\n" + "some words of a long text\n" * 20 + quotes
    long = "NUMBERS = [" + ", ".join(map(str, range(200))) + "]"
    file = Snippet(path="sizes.py", text=f"{whole}\n{large}\n{long}\nLIMIT: int = 20\n")
    text = shown("from sizes import NUMBERS, TEXT, SIZES, LIMIT\nSIZES\nLIMIT\n", file)
    assert text == f"[sizes.py] {whole}\n[sizes.py] LIMIT: int = 20"


def test_a_member_of_several_lines_is_shown_by_its_name_and_type() -> None:
    file = Snippet(
        path="cart.py",
        text="class Cart:\n    items: list[str] = field(\n        default_factory=list,\n    )\n",
    )
    assert shown("from cart import Cart\n", file) == "[cart.py] class Cart:\n    items: list[str]"


def test_constants_that_tell_nothing_are_left_out() -> None:
    text = "log = logging.getLogger(__name__)\nOrder = models.Order\nLIMIT = models.MOST\n"
    file = Snippet(path="base.py", text=text)
    assert shown("from base import log, Order, LIMIT\n", file) == "[base.py] LIMIT = models.MOST"


def test_definitions_stand_nearest_to_the_cursor_and_no_line_is_shown_twice() -> None:
    prefix = "from shop.models import load\n\n\ndef view(path: str) -> Order:\n    order = load(path)\n"
    chosen = choose(hole(prefix, path="shop/views.py"), project(MODELS, PACKAGE, CART))
    assert chosen[-1].text == "def load(path: str) -> Order:"
    assert sum("def load" in snippet.text for snippet in chosen) == 1


def test_definitions_leave_most_of_the_room_to_siblings() -> None:
    many = "\n".join(f"def helper_{n}(argument: int) -> int:\n    return {n}\n" for n in range(40))
    imports = "".join(f"from helpers import helper_{n}\n" for n in range(40))
    files = project(Snippet(path="helpers.py", text=many), Snippet(path="cart.py", text=CART.text * 9))
    chosen = choose(hole(imports + HERE), files)
    assert any(snippet.path == "cart.py" for snippet in chosen)
    assert sum(len(s.text) + 11 for s in chosen if s.path == "helpers.py" and "return" not in s.text) <= 240


def test_other_languages_resolve_their_imports() -> None:
    script = Snippet(
        path="web/util.ts", text="export function total(price: number): number {\n  return 1\n}\n"
    )
    text = shown('import { total } from "./util"\n\n', script, path="web/cart.ts", language="typescript")
    assert "function total(price: number): number {" in text
    crate = Snippet(path="src/parse.rs", text="pub fn total(price: u32) -> u32 {\n    1\n}\n")
    text = shown("use crate::parse::total;\n\n", crate, path="src/main.rs", language="rust")
    assert "fn total(price: u32) -> u32" in text
    java = Snippet(path="src/org/shop/Cart.java", text="package org.shop;\n\npublic class Cart {\n}\n")
    text = shown("import org.shop.Cart;\n\n", java, path="src/org/app/App.java", language="java")
    assert "class Cart" in text
    go = Snippet(path="cart/cart.go", text="package cart\n\nfunc Total(price int) int {\n\treturn 1\n}\n")
    text = shown(
        'import "example.org/shop/cart"\n\nvar x = cart.Total(1)\n', go, path="main.go", language="go"
    )
    assert "func Total(price int) int" in text
    header = Snippet(path="lib/cart.h", text="int total(int price);\n")
    text = shown('#include "cart.h"\n\nint x = total(1);\n', header, path="lib/main.c", language="c")
    assert "int total(int price)" in text


def test_a_file_that_is_replaced_leaves_nothing_behind() -> None:
    wanted = {"total_price": 1.0, "discount": 1.0}
    changed = project(CART, Snippet(path="old.py", text=CART.text))
    changed.put("old.py", OTHER.text)
    fresh = project(CART, Snippet(path="old.py", text=OTHER.text))
    found = changed.similar(wanted, to="a.py", language="python")
    assert found == fresh.similar(wanted, to="a.py", language="python") != []


# --- bounds ------------------------------------------------------------------------------------------------

names = st.sampled_from(
    ["total", "price", "cart", "order", "item", "amount", "\n", "\n", " ", "(", "é😀", "import", "from b"]
)
texts = st.lists(names, max_size=120).map(" ".join)
snippets = st.lists(
    st.builds(Snippet, path=st.sampled_from(["a.py", "b.py", "c.py"]), text=texts), max_size=5
)


@given(texts, texts, snippets, st.integers(0, 400))
def test_any_choice_is_bounded_and_depends_on_the_files_alone(
    prefix: str, suffix: str, files: list[Snippet], room: int
) -> None:
    chosen = choose(hole(prefix, suffix), project(*files), characters=room)
    assert sum(len(s.path) + 1 + len(s.text) for s in chosen) <= room
    last = {file.path: file.text for file in files}
    for snippet in chosen:
        assert snippet.path != "a.py"
        assert snippet.text.strip()
        assert snippet.text in last[snippet.path]
    other = project(*reversed([Snippet(path=path, text=text) for path, text in last.items()]))
    other.put("b.py", "total price cart\n")
    other.put("d.py", prefix)
    other.remove("d.py")
    other.replace_all([Snippet(path=path, text=text) for path, text in last.items()])
    assert choose(hole(prefix, suffix), other, characters=room) == chosen


def test_what_is_chosen_for_a_budget_is_shown_whole(tokenizer: Tokenizer, source: str) -> None:
    """A tokenizer of six hundred entries needs more tokens than any that ships: it has its budget doubled."""
    files = project(*(Snippet(path=f"part{n}.py", text=source[n * 3000 :][:3000]) for n in range(5)))
    lines = source.split("\n")
    for end in range(20, 200, 20):
        here = hole("\n".join(lines[:end]) + "\n", path="part9.py")
        chosen = choose(here, files, characters=characters_for(600))
        assert chosen
        shown = Hole(path=here.path, language="python", prefix=here.prefix, suffix="", neighbours=chosen)
        tokens = render(shown, tokenizer, 2 * 600).tokens
        assert tokens.count(tokenizer.file_sep) == len(chosen) + 1
