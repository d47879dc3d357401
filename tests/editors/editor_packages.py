"""Real editors for the tests: packages of a newer Debian, unpacked into a cache folder and run from there.

    python tests/editors/editor_packages.py [neovim emacs helix terminal]

fetches what is named, or everything, and says what could not be had. Nothing is installed: packages come over
a signed index (apt checks it against the machine's own Debian keys), are unpacked with `dpkg -x`, and run
with the C library that came along. The mirror is the one that the machine uses. Python's share (a terminal
emulator) comes from pip, checked against the hashes below. Debian and its kin on x86-64 only; no root.

Not here: starting an editor on a terminal (editor_screen.py), VS Code (vscode-extension/test).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SUITE = "forky"  # has Neovim 0.12, Emacs 30 with lsp-mode 10, Helix 25.07
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LOADER = "usr/lib64/ld-linux-x86-64.so.2"
ELPA = "usr/share/emacs/site-lisp/elpa-src"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib")
PACKAGES = {
    "neovim": ("neovim",),
    "emacs": ("emacs-nox", "elpa-lsp-mode"),
    "helix": ("hx",),
}
# What Emacs's own package manager does when it installs something.
AUTOLOADS = """
(setq native-comp-enable-subr-trampolines nil byte-compile-warnings nil)
(dolist (folder (directory-files command-line-default-directory t "^[a-z]"))
  (loaddefs-generate folder (expand-file-name "own-autoloads.el" folder))
  (dolist (file (directory-files folder t "^[^.].*\\\\.el$"))
    (unless (string-match-p "-autoloads\\\\.el$\\\\|-pkg\\\\.el$" file) (byte-compile-file file))))
"""
# What pip may install for the terminal, and nothing else: the wheels of these hashes.
TERMINAL = """\
pyte==0.8.2 --hash=sha256:85db42a35798a5aafa96ac4d8da78b090b2c933248819157fc0e6f78876a0135
wcwidth==0.2.13 --hash=sha256:3da69048e4540d84af32131829ff948f1e022c1c6bdb8d6102117aac784f6859
"""


class NotToBeHad(Exception):  # noqa: N818 - a reason to skip, said in its words
    """What is missing, and what to do about it, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How an unpacked program is started: the words before its own arguments, and its environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def cache() -> Path:
    """Where everything is kept: TABWRIGHT_E2E_CACHE, else a folder below ~/.cache."""
    given = os.environ.get("TABWRIGHT_E2E_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "tabwright-e2e"


def folder(name: str) -> Path:
    """Where an editor is unpacked, or pyte (`terminal`) is to be imported from. Raises NotToBeHad."""
    place = _place(name)
    if not (place / ".complete").exists():
        how = f"`python tests/editors/editor_packages.py {name}` fetches it"
        raise NotToBeHad(f"{name} is not in {cache()}; {how}")
    return place


def program(name: str) -> Program:
    """How `neovim`, `emacs` or `helix` is started. Raises NotToBeHad."""
    return _PROGRAMS[name](folder(name))


def fetch(name: str) -> None:
    """Have it in the cache folder, if it is not there yet. Raises NotToBeHad."""
    place = _place(name)
    if (place / ".complete").exists():
        return
    partial = place.with_name(f"{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if name == "terminal":
        _install(partial)
    else:
        _unpack(PACKAGES[name], partial)
    (partial / ".complete").touch()
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)


def _place(name: str) -> Path:
    return cache() / name if name == "terminal" else cache() / SUITE / name


# How each is started from where it was unpacked


def _neovim(root: Path) -> Program:
    runtime = str(root / "usr/share/nvim/runtime")
    return Program(command=(*_loaded(root), str(root / "usr/bin/nvim")), environment={"VIMRUNTIME": runtime})


def _emacs(root: Path) -> Program:
    """Emacs without a window system, with lsp-mode on its load path."""
    (share,) = (root / "usr/share/emacs").glob("[0-9]*")
    (helpers,) = (root / "usr/libexec/emacs" / share.name).iterdir()
    elpa = sorted(path for path in (root / ELPA).iterdir() if path.is_dir())
    lisp = [share / "lisp", *sorted(p for p in (share / "lisp").rglob("*") if p.is_dir())]
    clients = [path for one in elpa if (path := one / "clients").is_dir()]
    (dump,) = helpers.glob("emacs*.pdmp")
    return Program(
        command=(*_loaded(root), str(root / "usr/bin/emacs-nox"), f"--dump-file={dump}"),
        environment={
            "EMACSLOADPATH": os.pathsep.join(map(str, [*elpa, *clients, *lisp])),
            "EMACSDATA": str(share / "etc"),
            "EMACSDOC": str(share / "etc"),
            "EMACSPATH": str(helpers),
            "EMACS_PACKAGES": str(root / ELPA),  # for tests, which load what is there to be loaded late
        },
    )


def _helix(root: Path) -> Program:
    return Program(
        command=(*_loaded(root), str(root / "usr/bin/hx")),
        environment={"HELIX_RUNTIME": str(root / "usr/share/helix/runtime")},
    )


def _loaded(root: Path) -> tuple[str, ...]:
    libraries = os.pathsep.join(str(root / folder) for folder in LIBRARIES)
    return str(root / LOADER), "--library-path", libraries


_PROGRAMS = {"neovim": _neovim, "emacs": _emacs, "helix": _helix}


# How they are fetched


def _install(target: Path) -> None:
    """pyte and what it needs, and nothing but these wheels."""
    wanted = target / "requirements.txt"
    wanted.write_text(TERMINAL, encoding="utf-8")
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    _run(sys.executable, "-m", "pip", "install", *options, "--target", str(target), "-r", str(wanted))


def _unpack(packages: tuple[str, ...], root: Path) -> None:
    """Resolve against an empty system, download, unpack."""
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise NotToBeHad(f"{' and '.join(missing)} not found: packages of Debian are unpacked here only")
    if not KEYS.exists():
        raise NotToBeHad(f"{KEYS} is missing: without Debian's keys nothing is downloaded")
    state = root.parent / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    source = f"deb [arch=amd64 signed-by={KEYS}] {_mirror()} {SUITE} main\n"
    (state / "sources.list").write_text(source, encoding="utf-8")
    for name in ("status", "extended_states"):
        (state / name).touch()
    (state / "apt.conf").write_text(
        f'Dir::State "{state}"; Dir::State::lists "{state}/lists"; Dir::State::status "{state}/status";\n'
        f'Dir::Cache "{state}/cache"; Dir::Etc::sourcelist "{state}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null"; APT::Architecture "amd64"; APT::Install-Recommends "false";\n'
        'Acquire::Languages "none"; Acquire::http::Timeout "30"; Acquire::Retries "1";\n'
        + ('APT::Sandbox::User "root";\n' if os.getuid() == 0 else ""),
        encoding="utf-8",
    )
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    archives = state / "cache" / "archives"
    for old in archives.glob("*.deb"):
        old.unlink()
    # Without `error=any` apt takes an index that it could not renew for good enough.
    _run("apt-get", "update", "--quiet=2", "--error-on=any", environment=environment)
    options = ["--quiet=2", "--yes", "--download-only", "-o", "Debug::NoLocking=1"]
    _run("apt-get", "install", *options, *packages, environment=environment)
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg", "-x", str(archive), str(root))
        archive.unlink()
    if (root / ELPA).exists():
        editor = _emacs(root)
        script = root / "autoloads.el"
        script.write_text(AUTOLOADS, encoding="utf-8")
        options = ["--batch", f"--chdir={root / ELPA}", "--load", str(script)]
        _run(*editor.command, *options, environment={**os.environ, **editor.environment})


def _mirror() -> str:
    """The machine's own mirror of Debian."""
    targets = ("--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages")
    for line in _run("apt-get", "indextargets", *targets).splitlines():
        origin, _, address = line.partition(" ")
        if origin == "Debian" and "security" not in address:
            return address
    raise NotToBeHad("apt knows no mirror of Debian: run `apt-get update` on a Debian system first")


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise NotToBeHad(f"`{' '.join(command[:2])}` failed: {' '.join(last)}")
    return done.stdout


def main(names: list[str]) -> int:
    """Fetch; 1 if anything that was named could not be had."""
    known = [*PACKAGES, "terminal"]
    failed = 0
    for name in names or known:
        if name not in known:
            sys.exit(f"{name} is not known; there are: {', '.join(known)}")
        try:
            fetch(name)
            print(f"{name}: ready in {cache()}")
        except NotToBeHad as reason:
            print(f"{name}: not to be had: {reason}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
