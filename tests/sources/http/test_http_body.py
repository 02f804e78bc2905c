"""Bodies of requests: how they are split into events, and how gzip and room are kept in bounds."""

import asyncio
import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Unacceptable
from bridge.sources.http.body import split
from bridge.sources.http.portions import PORTION_BYTES, Portion, portions
from bridge.sources.http.room import Room, Turns
from bridge.sources.http.upload import Upload
from bridge.transports.http.inflating import BrokenGzip, Inflater

A = b'{"apiName":"a"}'
B = b'{"apiName":"b","properties":{"x":[{"y":1},{"y":2}]}}'
DEEP = b"[" * 3000 + b"]" * 3000
BOM = b"\xef\xbb\xbf"
NOT_JSON = ("not_json",)


def parts(body: bytes, *, lines: bool = False) -> list[object]:
    """Return the events of a body; a place where none can be told apart as a tuple with the reason."""
    return [
        (piece.reason,) if isinstance(piece, Unacceptable) else piece if piece[0] else piece[1]
        for piece in split(body, lines=lines)
    ]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(A, [A], id="one event"),
        pytest.param(BOM + b" " + A + b" \r\n", [A], id="byte order mark and blanks"),
        pytest.param(b"[" + A + b"," + B + b"]", [A, B], id="array"),
        pytest.param(b" [\r\n\t" + A + b" ,\n" + B + b"\n ]\n", [A, B], id="array over several lines"),
        pytest.param(b"[]", [], id="empty array"),
        pytest.param(b"", [], id="empty"),
        pytest.param(b" \n\n ", [], id="blank"),
        pytest.param(A + b"\n" + B, [A, B], id="lines"),
        pytest.param(b"\n" + A + b"\r\n\r\n" + B + b"\r\n", [A, B], id="lines with carriage returns"),
        pytest.param(A + b"\n" + b'{"apiName":\n' + B, [A, b'{"apiName":', B], id="a bad line between good"),
        pytest.param(b'{"apiName":\n' + A, [b'{"apiName":', A], id="a bad line first"),
        pytest.param(b"[" + A + b"]\n[" + B + b"," + A + b"]", [A, B, A], id="an array a line"),
        pytest.param(A + B, [A, B], id="one behind the other"),
        pytest.param(A + b", " + B + b" ,x", [A, B, b"x"], id="one behind the other, and a rest"),
        pytest.param(b'{\n"apiName":\n"a"}', [b'{\n"apiName":\n"a"}'], id="one event over several lines"),
        pytest.param(b'{\n"apiName":\n}', [b'{\n"apiName":\n}'], id="a broken event over several lines"),
        pytest.param(b"garbage", [b"garbage"], id="no JSON at all"),
        pytest.param(b"null", [b"null"], id="JSON, but no event"),
    ],
)
def test_each_form_is_known_by_itself(body: bytes, events: list[bytes]) -> None:
    """Whatever form the sender chose, each event's own bytes come out, in order."""
    assert parts(body) == events
    if b"\n" not in body:
        assert parts(body, lines=True) == events


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'{"apim_event_response":%b}' % A, [("response", A)]),
        (b'{ "apim_event_faulty" : [%b, %b] }' % (A, B), [("fault", A), ("fault", B)]),
        (b'[{"apim_event_faulty":%b},%b]' % (A, B), [("fault", A), B]),
        (b'{"apim_event_faulty":%b,"apim_event_response":[%b]}' % (A, B), [("fault", A), ("response", B)]),
        (b'{"apim_event_response":%b}\n{"apim_event_faulty":%b}' % (A, B), [("response", A), ("fault", B)]),
        (b'{"apim_event_response":[]}', []),
        (b'{"apim_event_response":5}', [("response", b"5")]),
        (b'{"apim_event_response":{"apiName":"\x01"}}', [("response", b'{"apiName":"\x01"}')]),
        (
            b'{"apim_event_response":[{"apiName":"\x01"},%b]}' % A,
            [("response", b'{"apiName":"\x01"}'), ("response", A)],
        ),
        (b'{"apim_event_response":%b,"more":1}' % A, [b'{"apim_event_response":%b,"more":1}' % A]),
        (b'{"apim_event_response":', [("response", b"")]),
    ],
)
def test_wrappers_say_the_kind(body: bytes, events: list[object]) -> None:
    """The wrapper's name is the event's kind; what stands beside a wrapper is not dropped in silence."""
    assert parts(body) == events


def test_a_hint_turns_broken_lines_into_lines() -> None:
    """What might be one broken event is taken line by line if the sender says so."""
    body = b'{"apiName":\n"a"'
    assert parts(body) == [body]
    assert parts(body, lines=True) == [b'{"apiName":', b'"a"']


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b'{"apiName":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"apiName":"\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"apiName":"\x01,[{"}', id="control character"),
        pytest.param(DEEP, id="deep nesting"),
        pytest.param(b'{"apiName":NaN}', id="NaN"),
        pytest.param(b'{"apiName":}', id="no value"),
        pytest.param(b"nonsense", id="nonsense"),
    ],
)
def test_a_bad_element_leaves_the_others_alone(bad: bytes) -> None:
    """In an array only the bad element is bad, whatever is wrong with it."""
    assert parts(b"[%b, %b,%b]" % (A, bad, B)) == [A, bad, B]


def test_a_bad_element_leaves_those_of_a_large_array_alone() -> None:
    """Splitting an array into parts changes nothing for a bad element in it."""
    elements = [b'{"apiName":"%d"}' % n for n in range(20_000)]
    elements[15_000] = b'{"apiName":"\x01"}'
    assert parts(b"[" + b",".join(elements) + b"]") == elements


@pytest.mark.parametrize("body", [b"[%b" % A, b"[%b]}" % A, b'[{"a":1]}', b"[%b] x" % A, b'["', b"["])
def test_an_array_without_an_end_is_refused_as_a_whole(body: bytes) -> None:
    """Where elements cannot be told apart there is one reason, at one place."""
    assert parts(body) == [NOT_JSON]


def test_slips_in_an_array_cost_no_event() -> None:
    """A comma too many is an empty element, except before the closing bracket."""
    assert parts(b"[%b,]" % A) == [A]
    assert parts(b"[%b,,%b]" % (A, B)) == [A, b"", B]


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param([b'{"apiName":"%d"}' % n for n in range(12_000)], id="events"),
        pytest.param([b"%d" % (n % 7) for n in range(100_000)], id="numbers"),
        pytest.param([b'{"p":[%b]}' % b",".join([b'{"x":1}'] * 20_000)] * 3, id="large elements"),
        pytest.param([b'"%b"' % (b"},{" * 60_000), b"[]", A], id="a large text full of borders"),
    ],
)
@pytest.mark.parametrize("comma", [b",", b" \n,\t"])
def test_a_large_array_is_split_in_parts(elements: list[bytes], comma: bytes) -> None:
    """An array of more than a part's size gives the same elements, in order."""
    assert parts(b" [" + comma.join(elements) + b"] ") == elements


def test_a_large_array_is_never_held_as_a_whole() -> None:
    """A body of millions of elements takes little more memory than its bytes (P8)."""
    body = b"[" + b"1," * 300_000 + b"1]"
    tracemalloc.start()
    try:
        assert sum(1 for _ in split(body)) == 300_001
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_portions_carry_places_and_refusals() -> None:
    """Every event keeps its index in the request; what cannot be told apart has one too."""
    body = b'%b\n[%b\n{"apim_event_faulty":%b}' % (A, A, B)
    (portion,) = portions(split(body))
    assert portion == Portion([A, B], [None, "fault"], [0, 2], portion.refused)
    assert [(index, reason) for index, reason, _ in portion.refused] == [(1, "not_json")]
    arrival = portion.arrival("http")
    assert (arrival.source, arrival.places, arrival.rejected) == ("http", [0, 2], {"not_json": 1})


def test_portions_of_the_same_body_are_the_same() -> None:
    """A large body is cut at the same events every time, so that its events keep their ids (P5)."""
    body = b"\n".join(b'{"apiName":"%d%b"}' % (n, b"x" * 1000) for n in range(3000))
    first, again = list(portions(split(body))), list(portions(split(body)))
    assert first == again
    assert len(body) // PORTION_BYTES <= len(first) <= len(body) // PORTION_BYTES + 2
    assert [place for portion in first for place in portion.places] == list(range(3000))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    events=st.lists(st.dictionaries(st.text(max_size=3), json_values, max_size=3), max_size=6),
    form=st.sampled_from(["array", "indented", "lines", "joined"]),
    ascii_only=st.booleans(),
)
def test_any_objects_survive_any_form(
    events: list[dict[str, object]], form: str, *, ascii_only: bool
) -> None:
    """Whatever objects go in, in an array, in lines or in a row, all of them come out again."""
    texts = [json.dumps(one, ensure_ascii=ascii_only) for one in events]
    body = {
        "array": "[" + ",".join(texts) + "]",
        "indented": json.dumps(events, ensure_ascii=ascii_only, indent=2),
        "lines": "\n".join(texts),
        "joined": "".join(texts),
    }[form].encode("utf-8", "surrogatepass")
    found = [piece if isinstance(piece, bytes) else b"" for piece in parts(body)]
    assert [json.loads(piece.decode("utf-8", "surrogatepass")) for piece in found] == events


@given(st.binary(max_size=60) | st.text('[]{},:"\\n1a \n\t', max_size=40).map(str.encode), st.booleans())
def test_no_bytes_break_the_splitter(body: bytes, lines: bool) -> None:
    """Any bytes give raw events, and where these can be told apart no character is lost."""
    for piece in split(body, lines=lines):
        assert isinstance(piece, Unacceptable) or isinstance(piece[1], bytes)


def test_gzip_of_several_members_is_one_body() -> None:
    """Members in a row, as `cat a.gz b.gz` makes them, unpack to one body, however they are cut."""
    packed = gzip.compress(A) + gzip.compress(B)
    for cut in range(1, len(packed)):
        inflater = Inflater()
        pieces = [*inflater.feed(packed[:cut]), *inflater.feed(packed[cut:])]
        inflater.end()
        assert b"".join(pieces) == A + B


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"{}" * 20, id="not gzip"),
        pytest.param(b"{}", id="too short for gzip"),
        pytest.param(gzip.compress(B)[:-1], id="cut off"),
        pytest.param(gzip.compress(B)[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(gzip.compress(B) + b"more", id="something behind it"),
    ],
)
def test_broken_gzip_is_known(packed: bytes) -> None:
    """Incomplete gzip is never taken for a body."""
    inflater = Inflater()
    with pytest.raises(BrokenGzip):  # noqa: PT012 - it may show at any piece, or only at the end
        for _ in inflater.feed(packed):
            pass
        inflater.end()


def test_a_bomb_comes_in_small_pieces() -> None:
    """However much a few bytes unpack to, no more of it than a piece is made before it is asked for (P8)."""
    pieces = Inflater().feed(gzip.compress(bytes(50 * 2**20)))
    assert all(len(next(pieces)) <= 256 * 2**10 for _ in range(10))


def test_small_bodies_have_room_beside_large_ones() -> None:
    """A quarter of the room is for small bodies; what does not fit is taken of one body at a time (P8)."""
    room = Room(800)

    def upload() -> Upload:
        return Upload(None, room, None, max_bytes=9999, seconds=1)  # type: ignore[arg-type] # only its room counts

    def take(one: Upload, more: int) -> bool:
        taken = room.take(one, more)
        one.held += more if taken else 0
        return taken

    large, other, giant, small = upload(), upload(), upload(), upload()
    assert take(large, 300)
    assert take(other, 300)
    assert take(giant, 300), "it does not fit, but is the only one"
    assert take(giant, 5000)
    assert not take(other, 200), "the last quarter is for small ones"
    assert take(small, 100)
    assert not take(upload(), 101)
    room.give_back(giant)
    assert take(other, 5000), "now it is the only one"
    for one in (large, other, small):
        room.give_back(one)
    assert take(upload(), 600)


async def test_turns_are_taken_in_order() -> None:
    """Bodies go in as they came while there is room; the small do not overtake the large, which goes alone (P8)."""
    turns, entered = Turns(100), list[int]()

    async def go(size: int) -> None:
        await turns.enter(size)
        entered.append(size)

    tasks = [asyncio.create_task(go(size)) for size in (60, 30, 500, 1, 2)]
    await asyncio.gather(*tasks[:2])
    turns.leave(60)
    assert entered == [60, 30]
    turns.leave(30)
    await tasks[2]
    assert entered == [60, 30, 500]
    turns.leave(500)
    await asyncio.gather(*tasks)
    assert entered == [60, 30, 500, 1, 2]


async def test_who_stops_waiting_for_a_turn_keeps_nobody_out() -> None:
    """A request that is cancelled while it waits, or in the moment of its turn, leaves its room to the next."""
    turns = Turns(100)
    await turns.enter(60)
    await turns.enter(40)
    first, second, third = (asyncio.create_task(turns.enter(size)) for size in (90, 40, 40))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    turns.leave(40)
    second.cancel()
    await asyncio.wait([second])
    await third
    assert first.cancelled()
    assert second.cancelled()


def test_half_an_event_that_ends_inside_a_string() -> None:
    """A log's line goes to intake whole: what stands behind a half event is found by WSO2's mark, not by quotes."""
    prefix = b"INFO ELKCounterMetric apimMetrics: apim:response, properties :"
    whole = rb'{"apiName":"a","properties":{"x":"q\"\\{}"},"userName":"jo"}'
    line = prefix + whole[: whole.index(b"userName")] + prefix + whole
    assert list(split(line)) == [(None, line)]
