"""Which memory serves which prompt: nothing known is thrown away for little, and the budget holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.serving.kv_cache import KVCache, Memory, common_start

TOKENS = st.lists(st.integers(0, 2), max_size=40)


def cache(limit: int) -> KVCache:
    return KVCache(lambda: Memory(values={}), limit)


def read(memories: KVCache, prompt: list[int]) -> int:
    """What a session does: turn to a memory, keep what is shared, run the rest."""
    shared = memories.turn_to(prompt)
    memories.current.tokens[:] = prompt
    return shared


@given(TOKENS, TOKENS, TOKENS)
def test_common_start_is_the_longest(start, one, other):
    one, other = start + one, start + other
    naive = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    assert common_start(one, other) == naive
    assert common_start(one, tuple(other)) == naive


def test_two_documents_keep_a_memory_each():
    memories = cache(4)
    one, other = list(range(100)), list(range(200, 300))
    assert [read(memories, p) for p in (one, other, one, other)] == [0, 0, 100, 100]
    assert len(memories) == 2


def test_typing_stays_in_one_memory():
    memories = cache(4)
    for end in range(50, 90):
        read(memories, list(range(end)))
    assert read(memories, [*range(85), 7, 8]) == 85
    assert len(memories) == 1


def test_the_memory_that_has_not_been_used_for_longest_gives_way():
    memories = cache(3)
    documents = [list(range(n * 100, n * 100 + 60)) for n in range(4)]
    for n in (0, 1, 2, 0, 3):  # 3 takes the place of 1
        read(memories, documents[n])
    assert len(memories) == 3
    assert [memories.turn_to(documents[n]) for n in (0, 2, 3)] == [60, 60, 60]
    assert memories.turn_to(documents[1]) == 0


def test_one_memory_serves_all_when_there_is_room_for_one():
    memories = cache(1)
    assert [read(memories, p) for p in ([1, 2, 3], [7] * 50, [1, 2, 3])] == [0, 0, 0]
    assert len(memories) == 1


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=12), max_size=30), st.integers(1, 4))
def test_what_is_called_shared_is_shared(prompts, limit):
    memories = cache(limit)
    for prompt in prompts:
        shared = memories.turn_to(prompt)
        assert memories.current.tokens[:shared] == prompt[:shared]
        assert 1 <= len(memories) <= limit
        memories.current.tokens[:] = prompt
