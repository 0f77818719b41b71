"""The decoders of streams: any split of the bytes gives the same events or lines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_nb.errors import ProviderDataError
from dispatch_nb.providers.ndjson import NdjsonDecoder
from dispatch_nb.providers.sse import ServerSentEvent, SseDecoder


def decode(*pieces: bytes) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.flush()


def data(*lines: str) -> list[ServerSentEvent]:
    return [ServerSentEvent("message", line, "") for line in lines]


def test_events_end_at_blank_lines_and_comments_say_nothing() -> None:
    assert decode(b": ping\n\ndata: a\n\n: x\ndata: b\n\n") == data("a", "b")


def test_data_lines_of_one_event_are_joined_and_one_space_is_taken_off() -> None:
    assert decode(b"data:  a\ndata\ndata:b\n\n") == data(" a\n\nb")


def test_event_kind_and_id_are_kept_and_only_the_id_lasts() -> None:
    assert decode(b"event: error\nid: 7\nretry: 5\ndata: x\n\ndata: y\n\n") == [
        ServerSentEvent("error", "x", "7"),
        ServerSentEvent("message", "y", "7"),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_works(end: bytes) -> None:
    assert decode(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""])) == data(
        "a\nb", "c"
    )


def test_a_byte_order_mark_at_the_start_is_dropped() -> None:
    assert decode(b"\xef\xbb\xbfdata: a\n\n") == data("a")


def test_unicode_line_separators_do_not_end_a_line() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be"
    assert decode(f"data: {text}\n\n".encode()) == data(text)


def test_an_event_without_its_blank_line_is_given_at_the_end() -> None:
    assert decode(b"data: a\n\ndata: [DONE]") == data("a", "[DONE]")


def test_an_event_is_given_as_soon_as_its_blank_line_has_come() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\n\r") == data("a")
    assert decoder.feed(b"\ndata: b\r\n\r\n") == data("b")
    assert decoder.flush() == []


def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    assert decode(b"data: a\xff\n\n") == data("a\ufffd")


LINES = st.sampled_from(
    ["data: a", "data: é\u2028ü", "data:", "data: 😀", "event: error", "id: 1", ": c", "", "", "x"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def cut(whole: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start, turn = [], 0, 0
    while start < len(whole):
        size = sizes[turn % len(sizes)]
        pieces.append(whole[start : start + size])
        start, turn = start + size, turn + 1
    return pieces


@given(
    st.lists(st.tuples(LINES, ENDS), max_size=12).map(lambda parts: "".join(map("".join, parts))),
    SIZES,
)
def test_any_split_of_the_bytes_gives_the_same_events(text: str, sizes: list[int]) -> None:
    whole = text.encode()
    assert decode(*cut(whole, sizes)) == decode(whole)


def read(decoder: SseDecoder | NdjsonDecoder, pieces: list[bytes]) -> tuple[list[str], bool]:
    """Return what came out of `pieces`, and whether the decoder refused to go on."""
    found: list[str] = []
    try:
        for piece in pieces:
            found += [event.data for event in decoder.feed(piece)]
        found += [event.data for event in decoder.flush()]
    except ProviderDataError:
        return found, True
    return found, False


@given(st.lists(st.sampled_from([b"data: ", b"data", b"ab", b"\n", b"\r", b":", b"{"])), SIZES)
def test_what_is_too_long_is_refused_wherever_the_bytes_are_cut(
    parts: list[bytes], sizes: list[int]
) -> None:
    whole = b"".join(parts)
    for kind in (SseDecoder, NdjsonDecoder):
        at_once = read(kind(longest=12), [whole])
        assert read(kind(longest=12), cut(whole, sizes)) == at_once
        assert all(len(line) <= 24 for line in at_once[0])


@pytest.mark.parametrize(
    ("kind", "start", "piece"),
    [
        (SseDecoder, b"data: ", b"x" * 1000),
        (SseDecoder, b"data: x\n", b"data:\n" * 200),
        (SseDecoder, b": ", b"x" * 1000),
        (NdjsonDecoder, b"{", b"x" * 1000),
    ],
)
def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    kind: type[SseDecoder | NdjsonDecoder], start: bytes, piece: bytes
) -> None:
    found, is_refused = read(kind(longest=100_000), [start, *itertools.repeat(piece, 102)])
    assert is_refused
    assert found == []


def lines(*pieces: bytes) -> list[str]:
    decoder = NdjsonDecoder()
    found = [line for piece in pieces for line in decoder.feed(piece)]
    return [line.data for line in found + decoder.flush()]


def test_json_lines_end_at_line_feeds_and_blank_lines_say_nothing() -> None:
    assert lines(b'\xef\xbb\xbf{"a":1}\n\n \r\n{"b":2}\r\n{"c"', b":3}") == [
        '{"a":1}',
        '{"b":2}\r',
        '{"c":3}',
    ]


def test_unicode_line_separators_stay_inside_a_json_line() -> None:
    assert lines('{"a":"\u2028\u0085\x0b"}\n'.encode()) == ['{"a":"\u2028\u0085\x0b"}']


@given(st.lists(st.sampled_from(["{}", "[1]", "\n", "\r\n", " ", "é😀", "\u2028"])), SIZES)
def test_any_split_of_the_bytes_gives_the_same_lines(parts: list[str], sizes: list[int]) -> None:
    whole = "".join(parts).encode()
    assert lines(*cut(whole, sizes)) == lines(whole)
