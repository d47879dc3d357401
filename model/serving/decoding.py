"""The loop that runs the model: the rest of the prompt, then step after step until something ends it.

Each step runs the last certain token and, behind it, a draft of further ones (speculate.py). The writer makes
its own choice at every row; a drafted token stands as long as it is that very choice, so drafts change how
many steps there are and never what is written.

Not here: what is chosen and what ends a text (writer.py), the session's memories (session.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.serving.healing import Healer
from model.serving.session import Floats, Integers, Session
from model.serving.speculate import Drafts
from model.serving.writer import StopReason, Writer

Interrupted = Callable[[], StopReason | None]
Following = tuple[Floats, Integers]  # what `Session.step` returns


def read(session: Session, new: Sequence[int], interrupted: Interrupted) -> Following | StopReason:
    """Run the rest of the prompt (never empty), chunk by chunk: what follows its last token."""
    for start in range(0, len(new), session.chunk):
        reason = interrupted()
        if reason is not None:
            return reason
        following = session.step(new[start : start + session.chunk])
    return following


def decode(
    session: Session,
    following: Following,
    writer: Writer,
    *,
    healer: Healer,
    limit: int,
    interrupted: Interrupted,
    drafts: Drafts | None,
) -> tuple[StopReason, int]:
    """Write until something ends it; returns what did, and the number of steps that it took."""
    draft: list[int] = []
    steps = 0
    while True:
        logits, best = following
        certain = len(session.tokens) - len(draft)
        for place in range(len(draft) + 1):
            token, logprob = writer.pick(logits[place], int(best[place]))
            reason = writer.take(token, logprob)
            if drafts is not None and reason is None:
                drafts.add(token)
            if reason is not None or place == len(draft) or token != draft[place]:
                break
        # What was drafted and not chosen has left keys and values behind.
        session.rewind(certain + place)
        if drafts is not None:
            drafts.learn(len(draft), place)
        if reason is None:
            reason = interrupted()
        if reason is not None:
            return reason, steps
        draft = []
        # While text is pending the next tokens are all but known, and not by looking back.
        if drafts is not None and not writer.is_healing:
            room = min(limit - writer.tokens, session.window - len(session.tokens)) - 1
            draft = _without_sentinels(drafts.propose(room), healer)
        following = session.step([token, *draft], rows=len(draft) + 1)
        steps += 1


def _without_sentinels(draft: list[int], healer: Healer) -> list[int]:
    """The draft up to its first sentinel: they stand in prompts and never in a completion."""
    return draft[: next((i for i, token in enumerate(draft) if not healer.piece(token)), len(draft))]
