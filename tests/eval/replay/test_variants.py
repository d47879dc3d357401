"""Settings by name: what is compared is what was written down."""

import json
from pathlib import Path

import pytest

from eval import confined as confining
from eval.editor import SERVER
from eval.replay import variants as module
from eval.replay.variants import NULL, OURS, Change, chosen, read, setting, variants
from lsp_server.parts import PARTS
from lsp_server.settings import read as read_settings
from model.errors import ConfigError, DataError


def test_every_run_has_the_null_server_and_ours():
    null, ours, other = variants(
        {"fast": Change(settings={"debounceMs": 0})},
        settings={"maxLines": 1, "debounceMs": 50},
        model=None,
        threads=2,
    )
    assert (null.name, ours.name, other.name) == (NULL, OURS, "fast")
    assert ours.settings == {"maxLines": 1, "debounceMs": 50, "logLevel": "debug"}
    assert other.settings == {"maxLines": 1, "debounceMs": 0, "logLevel": "debug"}
    assert ours.command[-2:] == ("--threads", "2")
    assert other.command == ours.command
    assert not null.is_ours


def test_what_is_left_out_is_told_to_the_server_alone():
    _, ours, other = variants(
        {"less": Change(without=("memory", "second opinion"))}, settings={}, model=None, threads=1
    )
    assert other.command == (*ours.command, "--without", "memory", "--without", "second opinion")
    assert other.settings == ours.settings


def test_a_file_says_what_sets_each_variant_apart(tmp_path):
    path = tmp_path / "variants.json"
    path.write_text('{"a": {"settings": {"maxLines": 1}}, "b": {"without": ["ahead"]}}')
    assert read(path) == {"a": Change(settings={"maxLines": 1}), "b": Change(without=("ahead",))}


def test_a_variant_cannot_take_a_name_that_is_taken(tmp_path):
    path = tmp_path / "variants.json"
    path.write_text('{"tabwright": {}}')
    with pytest.raises(DataError, match="choose another name"):
        read(path)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        ({"debounceMs": 0}, 'variant \'x\' in .* must have "settings", "without" or both'),
        ({}, 'must have "settings", "without" or both'),
        ({"settings": 1}, "settings of the variant 'x' .* must be an object"),
        ({"without": "memory"}, "must be a list"),
        ({"without": [1]}, "must be a list"),
        ({"without": ["memori"]}, r"variant 'x' .* no part 'memori' to leave out; it has: .*memory"),
    ],
)
def test_a_variant_that_would_be_ours_unawares_is_refused(tmp_path, one, sentence):
    """What is misspelt would be told as something that makes no difference."""
    path = tmp_path / "variants.json"
    path.write_text(json.dumps({"x": one}))
    with pytest.raises(DataError, match=sentence):
        read(path)


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', "{"])
def test_a_file_that_is_no_list_of_variants_is_told(tmp_path, text):
    path = tmp_path / "variants.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"variants\.json"):
        read(path)


def test_settings_on_the_command_line_are_json_or_a_text():
    assert setting("debounceMs=0") == ("debounceMs", 0)
    assert setting('languages={"python": false}') == ("languages", {"python": False})
    assert setting("triggerMode=invoked") == ("triggerMode", "invoked")
    with pytest.raises(ConfigError, match="name=value"):
        setting("debounceMs")


def test_some_variants_can_be_chosen_by_name():
    every = variants({"fast": Change(), "slow": Change()}, settings={}, model=None, threads=1)
    assert [one.name for one in chosen(every, ["slow"])] == [NULL, "slow"]
    with pytest.raises(ConfigError, match="there are: null server, tabwright, fast, slow"):
        chosen(every, ["slower"])


def test_the_variants_that_come_with_it_name_settings_that_there_are():
    for name, change in read(Path(module.__file__).parent / "variants.json").items():
        reading = read_settings(change.settings)
        assert (name, reading.unknown, reading.warnings) == (name, (), ())


def test_the_variants_that_come_with_it_leave_each_part_out_once():
    changes = read(Path(module.__file__).parent / "variants.json").values()
    # Nothing ever follows the cursor of who types a piece, so no replay can tell what that rule is worth.
    assert sorted([*(part for one in changes for part in one.without), "mid-line rule"]) == sorted(PARTS)


def test_confined_servers_are_ours_and_only_where_the_kernel_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confining, "available", lambda: True)
    null, ours = variants({}, settings={}, model=None, threads=1, confined=True)
    assert Path(ours.command[2]).name == "confined.py"
    assert ours.command[3:6] == SERVER[:3]
    assert "confined" not in " ".join(null.command)
    monkeypatch.setattr(confining, "available", lambda: False)
    with pytest.raises(ConfigError, match="leave it out here"):
        variants({}, settings={}, model=None, threads=1, confined=True)
