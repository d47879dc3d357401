"""Rules of postprocessing in languages of braces: ends of blocks, closers, what stands there already."""

import pytest

from lsp_server.postprocess import clean
from lsp_server.trigger import Kind
from model.fim import Hole


@pytest.mark.parametrize(
    ("language", "place", "kind", "written", "shown"),
    [
        # a block ends behind the brace that closes it, or before the one around it
        ("javascript", "if (a) {|\n", "block", "\n  b();\n}\nc();", "\n  b();\n}"),
        ("go", "func f() {\n\t|\n}\n", "block", "a()\n}\n\nfunc g() {", "a()"),
        ("rust", "fn f() {\n    |\n}\n", "block", "a();\n    b()\n}\n", "a();\n    b()"),
        ("java", "class A {\n    |\n}\n", "block", "int a() {\n    }\n}", "int a() {\n    }"),
        ("c", "int f(void)\n{\n\t|\n}\n", "block", "return 1;\n}\n", "return 1;"),
        # the brace that stands below is not written again
        ("javascript", "if (a) {|\n}\n", "block", "\n  b();\n}", "\n  b();"),
        ("go", "\tif a {|\n\t}\n", "block", "\n\t\tb()\n\t}", "\n\t\tb()"),
        # closers with nothing to close
        ("javascript", "f(|);", "line", "a);", "a"),
        ("c", "x = f(a|;", "line", "));", ")"),
        ("java", "f(g(|));", "line", "a));", "a"),
        ("rust", "let x = &a[|];", "line", "1..2];", "1..2"),
        # a template is whole with what stands in its braces
        ("tsx", "x = |\n", "line", "`a\n${b.map(c => `\n${c}`)}`;\nd();", "`a\n${b.map(c => `\n${c}`)}`;"),
        # half of a path is no colon too many
        ("rust", "let x = a|::b();", "line", "::c", "::c"),
        # nothing behind what leaves the block, but labels and functions
        ("java", "void f() {\n    |\n}\n", "block", "return;\n    x = 1;", "return;"),
        ("c", "\t|\n}\n", "block", "goto out;\n\tx = 1;", "goto out;"),
        ("c", "\t|\n}\n", "block", "return 1;\nout:\n\treturn 0;", "return 1;\nout:\n\treturn 0;"),
        ("javascript", "  |\n}\n", "block", "return f();\n  class B {}", "return f();\n  class B {}"),
        ("c", "\t|\n}\n", "block", "break;\n\tcase 2:\n\t\tx = 1;", "break;\n\tcase 2:\n\t\tx = 1;"),
        # round and round
        ("go", "\t|\n}\n", "block", "a()\n\ta()\n\ta()\n\ta()", "a()\n\ta()"),
        # a last line that opens a block without a body
        ("javascript", "|\n", "block", "a();\nif (b) { // never", "a();"),
    ],
)  # fmt: skip
def test_what_is_shown(language: str, place: str, kind: Kind, written: str, shown: str | None) -> None:
    prefix, _, suffix = place.partition("|")
    hole = Hole(path="a", language=language, prefix=prefix, suffix=suffix)
    assert clean(written, hole, kind, 12) == shown
