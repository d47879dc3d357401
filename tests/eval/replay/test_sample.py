"""The pinned sample: drawn by a seed, held to its checksums, and fit to be typed."""

import json

import pytest

from eval.replay.sample import COUNT, MODES, PINNED, SEED, draw, functions, read
from model.errors import DataError


def pin(path, pinned):
    path.write_text(json.dumps(pinned))
    return path


def test_pieces_take_turns_over_projects_and_modes(corpus):
    pinned = draw(corpus(), split="test", count=8)
    assert [one["id"].split("/")[0] for one in pinned["pieces"]] == ["one", "two"] * 4
    assert [one["mode"] for one in pinned["pieces"]] == ["inside", "end", "end", "inside"] * 2
    assert len({one["id"] for one in pinned["pieces"]}) == 8


def test_the_same_seed_draws_the_same(corpus):
    folder = corpus()
    assert draw(folder, split="test", count=4) == draw(folder, split="test", count=4)
    assert draw(folder, split="test", count=4, seed=1) != draw(folder, split="test", count=4)


def test_a_piece_is_what_was_taken_out_of_the_file(corpus, tmp_path):
    folder = corpus()
    sample = read(pin(tmp_path / "pinned.json", draw(folder, split="test", count=4)), folder)
    for piece in sample.pieces:
        whole = sample.projects[piece.project][piece.path]
        assert piece.target == corpus.function
        assert whole.startswith(piece.head + piece.target)
        assert piece.tail == (whole[len(piece.head + piece.target) :] if piece.mode == "inside" else "")
        assert piece.path not in piece.beside
    assert {piece.mode for piece in sample.pieces} == set(MODES)
    assert len(read(tmp_path / "pinned.json", folder, limit=2).pieces) == 2


def test_another_text_than_was_pinned_is_refused(corpus, tmp_path):
    path = pin(tmp_path / "pinned.json", draw(corpus(), split="test", count=2))
    with pytest.raises(DataError, match="draw the sample again"):
        read(path, corpus(change="# changed\n"))


def test_a_folder_without_documents_is_told(tmp_path):
    with pytest.raises(DataError, match="--corpus"):
        draw(tmp_path, split="test", count=2)


def test_too_few_files_are_told(corpus):
    with pytest.raises(DataError, match="ask for fewer"):
        draw(corpus(files=1), split="test", count=8)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_file_that_is_no_sample_is_told(corpus, tmp_path, text):
    path = tmp_path / "pinned.json"
    path.write_text(text)
    with pytest.raises(DataError, match="replay-sample"):
        read(path, corpus())


def test_functions_fit_to_be_typed_are_whole_and_begin_behind_their_indentation(corpus):
    text = corpus.module(0)
    (found,) = functions(text, "python")
    assert text[slice(*found)] == corpus.function
    nested = "class A:\n" + "\n".join(f"    {line}" for line in text.split("\n"))
    ((start, end),) = functions(nested, "python")
    assert nested[start:end].startswith("def work")
    assert nested[start - 5 : start] == "\n    "


def test_no_function_is_taken_from_a_broken_file(corpus):
    assert list(functions(corpus.module(0) + "x = = 1\n", "python")) == []


def test_the_pinned_sample_is_whole():
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    assert (pinned["split"], pinned["seed"], len(pinned["pieces"])) == ("test", SEED, COUNT)
    assert len({one["id"] for one in pinned["pieces"]}) == COUNT
    assert {one["mode"] for one in pinned["pieces"]} == set(MODES)
