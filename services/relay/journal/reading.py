"""Reading back from the journal that is being written: what is not in memory any more."""

from collections.abc import Sequence
from typing import Final

from services.relay.journal.chain import Chain
from services.relay.journal.format import (
    HEAD,
    HEAD_BYTES,
    SEGMENT_HEADER,
    RecordType,
    decode,
)
from services.relay.journal.handover import Completion
from services.relay.journal.places import Place, offset_of, place_of, segment_of
from services.relay.journal.records import decode_completed
from services.relay.journal.segment import Segment

# More than the largest record; its completions take less than a millisecond to decode.
_READ_BYTES: Final = 256 * 1024


def read_completions(
    chain: Chain, place: Place, ordinal: int
) -> tuple[Sequence[Completion], Place]:
    """Some of the completions from `place` on, where `ordinal` is the first one's; and their end.

    There are none only at the journal's end.
    """
    while True:
        number = segment_of(place)
        segment = chain.find(number)
        if segment is not None:
            completions, end = _completions(segment, place, ordinal)
            if completions:
                return completions, end
            if end > place:
                place = end
                continue
        if number >= chain.current.number:
            return (), place
        place = place_of(chain.following(number).number, len(SEGMENT_HEADER))


def _completions(
    segment: Segment, place: Place, ordinal: int
) -> tuple[Sequence[Completion], Place]:
    completions: list[Completion] = []
    offset = offset_of(place)
    for record in decode(segment.read(offset, _READ_BYTES), base=offset):
        if record.type == RecordType.COMPLETED:
            completed = decode_completed(record.payload)
            completions.append((place, ordinal + len(completions), completed))
        place = place_of(segment.number, record.next_offset)
    return completions, place


def read_record(chain: Chain, place: Place) -> bytes:
    """The record at `place`, head and all. Raises LookupError where its segment is gone."""
    segment = chain.find(segment_of(place))
    if segment is None:
        raise LookupError(place)
    offset = offset_of(place)
    length = HEAD.unpack_from(segment.map, offset)[0]
    return segment.read(offset, HEAD_BYTES + length)
