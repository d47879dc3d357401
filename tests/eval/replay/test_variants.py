"""Settings by name: what is compared is what was written down."""

from pathlib import Path

import pytest

from eval.replay import variants as module
from eval.replay.variants import NULL, OURS, chosen, read, setting, variants
from lsp_server.settings import read as read_settings
from model.errors import ConfigError, DataError


def test_every_run_has_the_null_server_and_ours():
    null, ours, other = variants(
        {"fast": {"debounceMs": 0}}, settings={"maxLines": 1, "debounceMs": 50}, model=None, threads=2
    )
    assert (null.name, ours.name, other.name) == (NULL, OURS, "fast")
    assert ours.settings == {"maxLines": 1, "debounceMs": 50, "logLevel": "info"}
    assert other.settings == {"maxLines": 1, "debounceMs": 0, "logLevel": "info"}
    assert ours.command[-2:] == ("--threads", "2")
    assert not null.is_ours


def test_a_variant_cannot_take_a_name_that_is_taken(tmp_path):
    path = tmp_path / "variants.json"
    path.write_text('{"tabwright": {}}')
    with pytest.raises(DataError, match="choose another name"):
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
    every = variants({"fast": {}, "slow": {}}, settings={}, model=None, threads=1)
    assert [one.name for one in chosen(every, ["slow"])] == [NULL, "slow"]
    with pytest.raises(ConfigError, match="there are: null server, tabwright, fast, slow"):
        chosen(every, ["slower"])


def test_the_variants_that_come_with_it_name_settings_that_there_are():
    path = Path(module.__file__).parent / "variants.json"
    for name, settings in read(path).items():
        reading = read_settings(settings)
        assert (name, reading.unknown, reading.warnings) == (name, (), ())
