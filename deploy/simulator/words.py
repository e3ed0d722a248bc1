"""The text of an answer, one item a token, and how it is cut into the chunks of a stream."""

from collections.abc import Sequence
from typing import Final

from deploy.simulator.misbehaviour import Behaviour

MODEL_MAX_TOKENS: Final = 16_384
_DEFAULT_CHUNKS: Final = 16
_WORDS: Final = tuple(
    f"{word} "
    for word in (
        *("Every", "whole", "answer", "that", "leaves", "this", "house", "is"),
        *("charged", "for", "once", "and", "its", "row", "is", "logged"),
    )
)
_PIECE_LENGTH: Final = 4


def words(max_tokens: int | None, behaviour: Behaviour) -> Sequence[str]:
    """So many words as were asked for; the default where nothing was."""
    count = _word_count(max_tokens, behaviour)
    if count == len(_WORDS):
        return _WORDS
    return [_WORDS[at % len(_WORDS)] for at in range(count)]


def sliced(text: str) -> Sequence[str]:
    """A text in pieces of four characters."""
    return [text[at : at + _PIECE_LENGTH] for at in range(0, len(text), _PIECE_LENGTH)]


def grouped(pieces: Sequence[str], behaviour: Behaviour) -> Sequence[str]:
    """The pieces joined into as many chunks of nearly equal size as were asked for, at most."""
    groups = behaviour.events or _DEFAULT_CHUNKS
    if len(pieces) <= groups:
        return pieces
    bounds = [len(pieces) * at // groups for at in range(groups + 1)]
    return ["".join(pieces[bounds[at] : bounds[at + 1]]) for at in range(groups)]


def _word_count(max_tokens: int | None, behaviour: Behaviour) -> int:
    if behaviour.fill_max_tokens:
        return min(max_tokens or MODEL_MAX_TOKENS, MODEL_MAX_TOKENS)
    if behaviour.completion_tokens is not None:
        told = min(max(behaviour.completion_tokens, 0), MODEL_MAX_TOKENS)
        return max(told, behaviour.events or 0)
    return behaviour.events or len(_WORDS)
