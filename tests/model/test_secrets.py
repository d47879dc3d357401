"""Secrets are found whole, placeholders are left alone, the choice of lines loses nothing, nothing is sent.

Every secret here is made up when the test runs: none stands in the repository.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
import uuid
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import secrets

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from planted_secrets import HEX, LETTERS, TOKENS, leaked, mixed, pem, repository, word


def planted(rng: random.Random) -> list[tuple[str, str]]:
    """(the secret, a text with it) for each kind."""
    w = word
    bare = {kind: make(rng) for kind, make in TOKENS.items()}
    found = []
    for value in bare.values():
        form = rng.choice(['VALUE = "{}"\n', "call('{}', 1)\n", 'x = {{"a": "{}"}}\n'])
        found.append((value, "import os\n" + form.format(value) + "y = 1\n"))
    password = w(rng, LETTERS, 14)
    found += [
        (password, f'password = "{password}"\n'),
        (password, f"API_KEY = '{password}'\n"),
        (password, f'config = {{"db_pass": "{password}"}}\n'),
        (password, f'if "{password}" == my_password:\n    pass\n'),
        (password, f'os.environ.get("DB_PASSWORD", "{password}")\n'),
        (f"!{password}9", f'"secret": "!{password}9",\n'),
        (password, f'user.set_password("{password}")\n'),
        (password, f'parser.add_argument("--password", default="{password}")\n'),
        (password, f'DSN = "SERVER=db;UID=sa;PWD={password}"\n'),
        (password, f'url = "jdbc:mysql://db/x?user=a&password={password}"\n'),
        (password, f"url = 'postgresql://admin:{password}@db.service.net/main'\n"),
        (password, f"# curl https://bot:{password}@host.net/hook\n"),
        (bare["base64"][:40], f'aws_secret_access_key = "{bare["base64"][:40]}"\n'),
    ]
    other = mixed(rng, 12)
    found += [
        (other, f"# export DB_PASSWORD={other}\n"),
        (other, f"# password: {other}\n"),
        (other, f'auth_token = "{other}"\n'),
        (other, f'pw = b"{other}"\n'),
        (other, f'{{"passphrase": "{other}"}}\n'),
    ]
    number = str(uuid.UUID(bytes=rng.randbytes(16)))
    found.append((number, f'HEROKU_API_KEY = "{number}"\n'))
    aws, hexadecimal = w(rng, LETTERS, 40), w(rng, HEX, 32)
    found += [
        (aws, f"# export AWS_SECRET_ACCESS_KEY={aws}\n"),
        (aws, f'"""Set\n\n    API_TOKEN: {aws}\n"""\n'),
        (hexadecimal, f'curl -H "Authorization: Bearer {hexadecimal}" https://x.net\n'),
        (hexadecimal, f'headers = {{"Authorization": "Bearer {hexadecimal}"}}\n'),
        (hexadecimal, f'curl -H "X-Api-Key: {hexadecimal}" https://x.net\n'),
        (f"Gr8!{password[:6]}", f'DSN = "postgres://bob:Gr8!{password[:6]}@db.acme.io/x"\n'),
        (f"Gr8${password[:6]}", f'DSN = "postgres://bob:Gr8${password[:6]}@db.acme.io/x"\n'),
    ]
    for name in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"):
        block = pem(rng, name)
        found.append((block, f'KEY = """\n{block}\n"""\n'))
        literal = " ".join(f'"{line}\\n"\n' for line in block.split("\n"))
        found.append((literal[1:-4], f"KEY = (\n{literal})\n"))
    return found


PLANTED = [pair for seed in range(4) for pair in planted(random.Random(seed))]


def _real_code() -> list[str]:
    """A fifth of a megabyte of installed packages, most of it about passwords, tokens, URLs and hashes."""
    texts = []
    for name, parts in {
        "requests": ("auth", "utils", "sessions"),
        "pip": ("network/auth", "vcs/git", "utils/misc", "utils/hashes", "models/link", "commands/config"),
        "urllib3": ("util/url", "util/ssl_", "connection"),
        "huggingface_hub": ("_login", "utils/_auth"),
        "detect-secrets": ("plugins/",),
    }.items():
        for file in metadata.distribution(name).files or []:
            if (
                file.suffix == ".py"
                and any(part in str(file) for part in parts)
                and "__pycache__" not in str(file)
            ):
                texts.append(Path(str(file.locate())).read_text(encoding="utf-8"))
    return texts


REAL_CODE = _real_code()


def test_more_than_a_hundred_planted_secrets_are_found_whole() -> None:
    assert len(PLANTED) > 100
    for value, text in PLANTED:
        start = text.index(value)
        assert any(s.start <= start and s.end >= start + len(value) for s in secrets.find(text)), text


def test_what_is_found_is_the_secret_and_not_the_code_around_it() -> None:
    for value, text in PLANTED:
        covered = sum(s.end - s.start for s in secrets.find(text))
        assert covered <= len(value) + 8, text


def test_the_choice_of_lines_loses_none_of_the_planted_secrets() -> None:
    whole = "\n".join(text for _, text in PLANTED)
    assert secrets.find(whole) == secrets.find_slowly(whole)


def test_the_choice_of_lines_loses_nothing_in_real_code() -> None:
    assert sum(map(len, REAL_CODE)) > 200_000
    for text in REAL_CODE:
        assert secrets.find(text) == secrets.find_slowly(text)


_PIECES = st.sampled_from(
    ["password", "api_key", " = ", "SECRET=", "Authorization: Bearer ", "X-Api-Key: ",
     "Gr8!xkTz9", '"', "'", "\n", "é", "://", ":", "@", "AKIA",
     "x9Kd82Lm3Qp7Zt5Vw1Rb", "eyJ", "token", "pw", ";PWD=",
     "acme_pat_", "A1bC2dE3fG4h", "default=", "(", ".", "_", "sk_live_", "hunter22", "{", "}",
     "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "q7" * 20, "xoxb-1-a"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
def test_the_choice_of_lines_loses_nothing_in_any_text(text: str) -> None:
    found = secrets.find(text)
    assert found == secrets.find_slowly(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(0 <= s.start < s.end <= len(text) for s in found)


def test_places_are_characters_also_behind_other_alphabets() -> None:
    value, text = PLANTED[0]
    prefix = "# Ünïcödé 漢字 🙂 İ\n"
    (found,) = secrets.find(prefix + text)
    assert (prefix + text)[found.start : found.end] == value


@pytest.mark.parametrize(
    "line",
    [
        'password = "password"',
        'password = "changeme123"',
        'PASSWORD = "<your-password-1>"',
        'token = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
        'AWS_KEY = "AKIAIOSFODNN7EXAMPLE"',
        'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
        'password = os.environ["DB_PASSWORD_1"]',
        'password = f"{user}-{number:03}"',
        "password = '%s%d'",
        'password = "${DB_PASSWORD_2}"',
        'secret_key_field = "user.profile.key_2"',
        '"password": "auth/password_reset_2"',
        'request_id = "123e4567-e89b-12d3-a456-426614174000"',
        'sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        'commit = "3f786850e387550fdab836ed7e6dc881de23001b"',
        'ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"',
        'NAME = "test_that_a_very_long_name_of_a_function_2_is_no_secret"',
        'PATH = "django/contrib/auth/migrations/0012_alter_user_first_name_max_length"',
        'url = "https://user:password@example.com/"',
        'url = "postgresql://scott:tiger@localhost/test"',
        'url = f"https://{user}:{password}@{host}"',
        'url = "ssh://git@github.com:22/a/b.git"',
        'if data.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
        'PASSWORD_HASHER = "django.contrib.auth.hashers.PBKDF2PasswordHasher"',
        'password = "<SECRET>"',
        "access_token = create_a_new_access_token_v2",
        'url = "postgres://bob:$PASSWORD_1@db.acme.io/x"',
        '-H "Authorization: Bearer $GITHUB_TOKEN_FOR_BUILDS_2"',
    ],
)
def test_placeholders_names_and_checksums_are_not_secrets(line: str) -> None:
    assert secrets.find(line + "\n") == []


def test_markers_of_keys_in_code_that_reads_keys_are_not_secrets() -> None:
    loop = "lines = []\nfor line in file:\n    lines.append(line.strip())\n"
    text = f'BEGIN = "-----BEGIN PRIVATE KEY-----"\n{loop}END = "-----END PRIVATE KEY-----"\n'
    assert secrets.find(text) == []


def test_false_alarms_in_clean_code_are_rare() -> None:
    alarms = [text[s.start : s.end] for text in REAL_CODE for s in secrets.find(text)]
    assert len(alarms) <= 2, alarms


def test_several_passwords_on_one_line_are_all_found() -> None:
    first, second, third = (word(random.Random(seed), LETTERS, 12) for seed in range(3))
    line = f'connect(password="{first}", db_pass="{second}", key_pass="{third}")'
    assert [line[s.start : s.end] for s in secrets.find(line)] == [first, second, third]


@pytest.mark.parametrize(
    "line",
    [
        'password = "sunshine"',
        'password = "correct horse battery staple"',
        'password = "ab12"',
        f'login("bob", "{word(random.Random(0), LETTERS, 12)}")',
        f'auth=("bob", "{word(random.Random(0), LETTERS, 12)}")',
        'x = ("Ab3dEf7h" + "Gh1jKl9m" + "Mn5pQr2s")',
    ],
)
def test_what_the_documentation_says_is_not_found_is_not(line: str) -> None:
    """Once one of these is, docs/privacy.md and the module's docstring must say so."""
    assert secrets.find(line + "\n") == []


# What takes their place


def test_nothing_of_a_thousand_secrets_in_repositories_is_left_when_they_are_hidden() -> None:
    total, left = 0, []
    for seed in range(8):
        files, planted_ones = repository(random.Random(seed))
        hidden = {path: secrets.hidden(text) for path, text in files.items()}
        total += len(planted_ones)
        left += [one for one in planted_ones if leaked(one.value, hidden[one.path])]
    assert total > 1000
    assert left == []


def test_lines_that_hold_no_secret_stay_as_they_are_and_where_they_are() -> None:
    files, planted_ones = repository(random.Random(0))
    for path, text in files.items():
        values = [one.value for one in planted_ones if one.path == path]
        pairs = zip(text.split("\n"), secrets.hidden(text).split("\n"), strict=True)
        kept = [(before, after) for before, after in pairs if not any(leaked(v, before) for v in values)]
        assert len(kept) > 4
        for before, after in kept:
            assert after == before or "PRIVATE KEY" in before


def test_clean_text_comes_back_as_it_is() -> None:
    for text in REAL_CODE:
        if not secrets.find(text):
            assert secrets.hidden(text) is text


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
def test_in_what_is_hidden_nothing_more_is_found(text: str) -> None:
    hidden, values = secrets.hide(text)
    assert secrets.find(hidden) == []
    assert hidden.count("\n") == text.count("\n")
    assert bool(values) == bool(secrets.find(text))


def test_a_secret_is_hidden_also_where_nothing_says_what_it_is() -> None:
    password = word(random.Random(1), LETTERS, 12)
    text = f'password = "{password}"\nlogin("bob", "{password}")\n# x{password}y\n'
    hidden, values = secrets.hide(text)
    assert hidden == f'password = "<SECRET>"\nlogin("bob", "<SECRET>")\n# x{password}y\n'
    assert values == [password]


def test_a_line_too_long_to_be_read_counts_as_one_where_it_may_hold_one() -> None:
    long = 'x = "' + "password, " * 400 + '"\n'
    clean = 'x = "' + "orange, " * 400 + '"\n'
    text = f"a = 1\n{long}b = 2\n{clean}"
    assert secrets.hide(text, longest=2000) == (f"a = 1\n<SECRET>\nb = 2\n{clean}", [])
    assert secrets.hide(text) == (text, [])


def test_so_does_one_that_names_secrets_over_and_over() -> None:
    text = f"a = 1\n{'secret' * 300}\nb = 2\nsecrets = read_secrets('secret_names')\n"
    assert secrets.hide(text, longest=2000)[0] == text.replace("secret" * 300, "<SECRET>")


# What it costs, and that nothing is sent


@pytest.mark.parametrize(
    "line",
    ["-----BEGIN PRIVATE KEY-----\n", "secret" * 330 + "\n", "db_pass" * 280 + "\n"],
    ids=["key", "name", "another"],
)
def test_no_file_takes_seconds_to_be_looked_through(line: str) -> None:
    secrets.find('x = "' + "a1B2" * 10 + '"\n')  # imports
    began = time.process_time()
    secrets.hide(line * (200_000 // len(line)), longest=2000)
    assert time.process_time() - began < 2, "it took 8 s and 180 s"


def test_nothing_is_sent_and_nothing_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    from detect_secrets.plugins.base import BasePlugin

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    secrets.find('x = "' + "a1B2" * 10 + '"\n')  # imports happen before the network is taken away
    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    for plugin in (BasePlugin, *(type(plugin) for _, plugin in secrets._plugins())):
        monkeypatch.setattr(plugin, "verify", forbidden)
    assert all(secrets.find(text) for _, text in PLANTED)


def test_texts_without_a_candidate_pay_for_no_import() -> None:
    code = (
        "import sys; from model import secrets; assert not secrets.find('def f(key):\\n    return "
        "key\\n' * 100); "
        "print([m for m in ('detect_secrets', 'requests', 'torch') if m in sys.modules])"
    )
    assert _said(code) == "[]"


def test_no_http_client_is_loaded_and_one_that_is_stays() -> None:
    find = "secrets.find('x = \"' + 'a1B2' * 10 + '\"')"
    names = "('detect_secrets', 'requests', 'urllib3', 'http.client')"
    code = f"import sys; from model import secrets; {find}; print([m for m in {names} if m in sys.modules])"
    assert _said(code) == "['detect_secrets']"
    code = (
        f"import requests, sys; from model import secrets; {find}; print(sys.modules['requests'] is requests)"
    )
    assert _said(code) == "True"


def _said(code: str) -> str:
    """What a Python of its own writes."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout.strip()
