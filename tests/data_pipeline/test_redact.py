"""Secrets, e-mail and IP addresses become placeholders, and the code stays code."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.document import Document
from data_pipeline.redact import broken_by, redact
from model import personal, syntax

TOKEN = base64.b64encode(random.Random(5).randbytes(36)).decode()  # made up here, and nobody's


@pytest.mark.parametrize(
    ("text", "expected", "kinds"),
    [
        (f'KEY = "{TOKEN}"\n', 'KEY = "<SECRET>"\n', {"Base64 High Entropy String": 1}),
        ("# Author: Jo Doe <jo.doe@uni-stadt.de>\n", "# Author: Jo Doe <<EMAIL>>\n", {"e-mail": 1}),
        ('"""Ask a@b.org or c.d+e@f.co.uk."""\n', '"""Ask <EMAIL> or <EMAIL>."""\n', {"e-mail": 2}),
        ('HOST = "93.184.216.34"\n', 'HOST = "<IP>"\n', {"IP address": 1}),
        ('password = "jdoe9@gmail.com!Xk29"\n', 'password = "<SECRET>"\n', {"Secret Keyword": 1}),
        ('"""<jane@gmail.com-> and jane.roe@mail.ru."""\n', '"""<<EMAIL>-> and <EMAIL>."""\n', {"e-mail": 2}),
        (
            "# j@mail.com j@email.cz j@host.net j@mysoft.de j@testo.com\n",
            "# <EMAIL> <EMAIL> <EMAIL> <EMAIL> <EMAIL>\n",
            {"e-mail": 5},
        ),
        ('URL = "http://93.184.216.34/index"\n', 'URL = "http://<IP>/index"\n', {"IP address": 1}),
        ('URL = "http://[2a01::5]/"\n', 'URL = "http://[<IP>]/"\n', {"IP address": 1}),
        ('HOST = "93.184.216.34:80"\n', 'HOST = "<IP>:80"\n', {"IP address": 1}),
        ('HOST = "2a02:6b8:7c:40c:c51e:495f:e23a:3"\n', 'HOST = "<IP>"\n', {"IP address": 1}),
        (
            'URL = "https://[2606:2800:220:1:248:1893:25c8:1946]/"\n',
            'URL = "https://[<IP>]/"\n',
            {"IP address": 1},
        ),
    ],
)
def test_what_must_go_is_replaced_and_counted(
    make_document: Callable[..., Document], text: str, expected: str, kinds: dict[str, int]
) -> None:
    document, counts = redact(make_document(text))
    assert document.text == expected
    assert dict(counts) == kinds


@pytest.mark.parametrize(
    "text",
    [
        "y = x@w.shape\n",
        "y = a@b.org\n",  # code, whatever it looks like
        "@app.route\ndef f(): pass\n",
        "# mail me@mydomain.com, x@company.com, y@foo.com, me@example.co.uk\n",
        "# mail me at me@example.com, you@example.org or x@test.example.net\n",
        '"git@github.com:owner/repository.git"\n',
        '"sk-ssh-ed25519@openssh.com"\n',
        '"logo@2x.png"\n',
        '"user@localhost"\n',
        'HOSTS = ["127.0.0.1", "0.0.0.0", "10.1.2.3", "192.168.1.20", "172.16.5.4", "169.254.1.1", '
        '"255.255.255.0"]\n',
        'DOCS = ["192.0.2.17", "198.51.100.23", "203.0.113.99", "2001:db8::17:ab12"]\n',
        'DNS = "8.8.8.8"\n',
        'EXAMPLE = "1.2.3.4"\n',
        'NETWORK = "52.94.76.0/22"\n',
        "# version 12.34.56.78 and v12.34.56.78 and package==12.34.56.78\n",
        'OID = "1.3.6.1.4.1.311.21.20"\n',
        'LOCAL = ["::1", "fe80::1234:5678", "fd00::1234"]\n',
        'TIME = "12:34:56"\nMAC = "00:1b:44:11:3a:b7"\n',
        "# a[2000::50]\nx = a[1::2]\n# std::vector<abc::def>\n",
    ],
)
def test_what_names_nobody_is_left_alone(make_document: Callable[..., Document], text: str) -> None:
    document = make_document(text)
    assert redact(document) == (document, {})


def test_a_private_key_becomes_one_placeholder_however_it_is_written(
    make_document: Callable[..., Document],
) -> None:
    body = base64.b64encode(random.Random(1).randbytes(500)).decode()
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        *(body[i : i + 64] for i in range(0, len(body), 64)),
        "-----END RSA PRIVATE KEY-----",
    ]
    block = 'KEY = """' + "\n".join(lines) + '"""\nx = 1\n'
    strings = "KEY = (\n" + "".join(f'    "{line}\\n"\n' for line in lines) + ")\n"
    document, counts = redact(make_document(block))
    assert document.text == 'KEY = """<PRIVATE_KEY>"""\nx = 1\n'
    assert counts == {"Private Key": 1}
    document, counts = redact(make_document(strings))
    assert document.text == 'KEY = (\n    "<PRIVATE_KEY>\\n"\n)\n'
    assert broken_by(make_document(strings), document) is None


def test_the_code_still_parses_and_nothing_is_left_to_find(make_document: Callable[..., Document]) -> None:
    text = (
        f'"""Written by jo@firm.de."""\n\nKEY = b"{TOKEN}"\nHOST = "93.184.216.34"  # jo@firm.de\n\n\n'
        f'def f(password="hunter22!"):\n    return "https://bot:Zk3Lq9Xw2@host.net/"\n'
    )
    before = make_document(text)
    after, counts = redact(before)
    assert sum(counts.values()) == 6
    assert not syntax.parse(after.text, "python").root.has_error
    assert broken_by(before, after) is None
    assert redact(after) == (after, {})


def test_a_document_that_breaks_without_its_secret_is_given_a_reason(
    make_document: Callable[..., Document],
) -> None:
    before = make_document("call(key_1)\n")
    assert broken_by(before, make_document("call(<SECRET>)\n")) == "does not parse without its secrets"
    assert broken_by(before, before) is None


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("javascript", "// ask jo@firm.de\nlet a = b\n", "// ask <EMAIL>\nlet a = b\n"),
        ("go", 'package a\n\nvar host = "93.184.216.34"\n', 'package a\n\nvar host = "<IP>"\n'),
        ("rust", "/* jo@firm.de */\nfn f() {}\n", "/* <EMAIL> */\nfn f() {}\n"),
        ("java", 'class A { String a = "jo@firm.de"; }\n', 'class A { String a = "<EMAIL>"; }\n'),
        ("c", '/* jo@firm.de */\nint x;\n', '/* <EMAIL> */\nint x;\n'),
    ],
)  # fmt: skip
def test_other_languages_are_redacted_too(
    make_document: Callable[..., Document], language: str, text: str, expected: str
) -> None:
    document = make_document(text)
    other = Document(id="a", text=document.text, path="a", language=language, repo="p", license="MIT")
    assert redact(other)[0].text == expected


@given(st.text(alphabet="ab1.@:#'\" \né[]f-_0", max_size=120))
def test_places_are_in_order_and_inside_any_text(text: str) -> None:
    found = personal.find(text)
    assert all(0 <= p.start < p.end <= len(text) for p in found)
    assert all(a.start < b.start for a, b in pairwise(found))


def test_reading_takes_linear_time() -> None:
    # Backtracking would take minutes here; the suite's own time limit is the judge.
    for unit in ("a.", "a@", "a-", "1.", "1:", ":", "f:", "a@b-", "1.2.3."):
        personal.find(unit * 50_000)
