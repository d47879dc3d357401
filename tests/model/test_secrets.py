"""Secrets are found whole, placeholders are left alone, the choice of lines loses nothing, nothing is sent.

Every secret here is made up when the test runs: none stands in the repository.
"""

from __future__ import annotations

import base64
import json
import random
import socket
import string
import subprocess
import sys
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import secrets

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def _word(rng: random.Random, alphabet: str, length: int) -> str:
    """Random characters, always with a letter and a digit among them, as nearly all tokens are."""
    while True:
        word = "".join(rng.choice(alphabet) for _ in range(length))
        if any(map(str.isdigit, word)) and any(map(str.isalpha, word)):
            return word


def _token(part: object) -> str:
    data = json.dumps(part).encode() if not isinstance(part, bytes) else part
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _pem(rng: random.Random, name: str) -> str:
    body = base64.b64encode(rng.randbytes(600)).decode()
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----"


def planted(rng: random.Random) -> list[tuple[str, str]]:
    """(the secret, a text with it) for each kind."""
    w = _word
    jwt = ".".join(
        _token(part)
        for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": w(rng, LETTERS, 12)}, rng.randbytes(32))
    )
    upper = string.ascii_uppercase + string.digits
    bare = {
        "aws": "AKIA" + w(rng, upper, 16),
        "aws temporary": "ASIA" + w(rng, upper, 16),
        "github": "ghp_" + w(rng, LETTERS, 36),
        "github fine-grained": "github_pat_" + w(rng, LETTERS, 22) + "_" + w(rng, LETTERS, 59),
        "gitlab": "glpat-" + w(rng, LETTERS, 20),
        "slack": f"xoxb-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**12)}-{w(rng, LETTERS, 24)}",
        "stripe": "sk_live_" + w(rng, LETTERS, 24),
        "npm": "npm_" + w(rng, LETTERS, 36),
        "pypi": "pypi-AgEIcHlwaS5vcmc" + w(rng, LETTERS, 90),
        "openai": "sk-" + w(rng, LETTERS, 20) + "T3BlbkFJ" + w(rng, LETTERS, 20),
        "sendgrid": "SG." + w(rng, LETTERS, 22) + "." + w(rng, LETTERS, 43),
        "twilio": "SK" + w(rng, HEX, 32),
        "google": "AIza" + w(rng, LETTERS, 35),
        "hugging face": "hf_" + w(rng, LETTERS, 34),
        "square": "sq0csp-" + w(rng, LETTERS, 43),
        "mailchimp": w(rng, HEX, 32) + "-us12",
        "telegram": f"{rng.randrange(10**8, 10**9)}:" + w(rng, LETTERS, 35),
        "discord": "M" + w(rng, LETTERS, 23) + "." + w(rng, LETTERS, 6) + "." + w(rng, LETTERS, 27),
        "jwt": jwt,
        "base64": base64.b64encode(rng.randbytes(48)).decode(),
        "hex": w(rng, HEX, 48),
    }
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
        (password, f"url = 'postgresql://admin:{password}@db.service.net/main'\n"),
        (password, f"# curl https://bot:{password}@host.net/hook\n"),
        (bare["base64"][:40], f'aws_secret_access_key = "{bare["base64"][:40]}"\n'),
    ]
    aws, hexadecimal = w(rng, LETTERS, 40), w(rng, HEX, 32)
    found += [
        (aws, f"# export AWS_SECRET_ACCESS_KEY={aws}\n"),
        (aws, f'"""Set\n\n    API_TOKEN: {aws}\n"""\n'),
        (hexadecimal, f'curl -H "Authorization: Bearer {hexadecimal}" https://x.net\n'),
        (hexadecimal, f'curl -H "X-Api-Key: {hexadecimal}" https://x.net\n'),
        (f"Gr8!{password[:6]}", f'DSN = "postgres://bob:Gr8!{password[:6]}@db.acme.io/x"\n'),
        (f"Gr8${password[:6]}", f'DSN = "postgres://bob:Gr8${password[:6]}@db.acme.io/x"\n'),
    ]
    for name in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"):
        block = _pem(rng, name)
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
     "x9Kd82Lm3Qp7Zt5Vw1Rb", "eyJ", ".", "_", "sk_live_", "hunter22", "{", "}",
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
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
