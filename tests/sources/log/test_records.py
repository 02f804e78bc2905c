"""Records that are no lines: without line ends, cut into pieces by a container runtime, behind zeros, in UTF-16."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.log_writer import event_body, event_line
from rigs.tailing import Tailing

from bridge.sources.log.framing import frame

LIMIT = 1 << 20
BIG = event_body(1, apiId="a", properties={"requestBody": 'x"{}' * 12_000})


def docker(text: str, stream: str = "stdout") -> bytes:
    return (
        json.dumps(
            {"log": text, "stream": stream, "time": "2026-11-21T00:16:33.3Z"}, separators=(",", ":")
        ).encode()
        + b"\n"
    )


def in_docker(line: bytes, stream: str = "stdout") -> list[bytes]:
    """Return the records of Docker's json-file for one line: 16 KiB of text each, the last with its line end."""
    text = line.decode()
    return [docker(text[at : at + 16384], stream) for at in range(0, len(text), 16384)]


def in_cri(line: bytes, stream: str = "stdout") -> list[bytes]:
    """Return the lines of CRI for one line."""
    text = line.rstrip(b"\n")
    cuts = list(range(0, len(text), 16384))
    tags = [b"P"] * (len(cuts) - 1) + [b"F"]
    return [
        b"2026-11-21T00:16:33.310000001Z %s %s %s\n" % (stream.encode(), tag, text[at : at + 16384])
        for at, tag in zip(cuts, tags, strict=True)
    ]


def cut_text(line: bytes) -> list[str]:
    """Return what a log driver is given of a line: 16 KiB at a time, without the line end."""
    text = line.decode().rstrip("\n")
    return [text[at : at + 16384] for at in range(0, len(text), 16384)]


def in_journald(line: bytes, stream: str = "stdout") -> list[bytes]:
    """Return what `journalctl -o json` shows of one line that Docker's journald driver has taken."""
    texts = cut_text(line)
    return [
        json.dumps(
            {"__REALTIME_TIMESTAMP": "1795220193310000", "CONTAINER_ID_FULL": "c0ffee"}
            | {"PRIORITY": "6" if stream == "stdout" else "3", "MESSAGE": text}
            | (
                {
                    "CONTAINER_PARTIAL_MESSAGE": "true",
                    "CONTAINER_PARTIAL_ID": f"id of {stream}",
                    "CONTAINER_PARTIAL_ORDINAL": str(number),
                    "CONTAINER_PARTIAL_LAST": "true" if number == len(texts) else "false",
                }
                if len(texts) > 1
                else {}
            )
        ).encode()
        + b"\n"
        for number, text in enumerate(texts, 1)
    ]


def in_conmon(line: bytes, stream: str = "stdout") -> list[bytes]:
    """Return the same of Podman, which marks all pieces but the last."""
    records = [json.loads(record) for record in in_journald(line, stream)]
    for record in records:
        last = record.pop("CONTAINER_PARTIAL_LAST", "true") == "true"
        for name in ("ID", "ORDINAL", *(["MESSAGE"] if last else [])):
            record.pop(f"CONTAINER_PARTIAL_{name}", None)
    return [json.dumps(record).encode() + b"\n" for record in records]


def in_fluentd(line: bytes, stream: str = "stdout") -> list[bytes]:
    """Return what Fluentd writes into a file of one line that Docker's fluentd driver has sent."""
    texts = cut_text(line)
    pieces = [
        {"partial_message": "true", "partial_id": stream, "partial_ordinal": f"{number}"}
        | {"partial_last": "true" if number == len(texts) else "false"}
        for number in range(1, len(texts) + 1)
    ]
    return [
        json.dumps(
            {"log": text, "container_id": "c0ffee", "source": stream} | (piece if len(texts) > 1 else {})
        ).encode()
        + b"\n"
        for text, piece in zip(texts, pieces, strict=True)
    ]


def later(piece: bytes) -> bytes:
    """Return a piece as of 17 seconds later."""
    return piece.replace(b"-21T00:16:33", b"-21T00:16:50").replace(b'"1795220193', b'"1795220210')


def json_layout(number: int) -> bytes:
    """Return a record of log4j2's JsonLayout with `compact = true`: no line end behind it."""
    message = event_line(event_body(number)).decode().strip().partition("ELKCounterMetric ")[2]
    return json.dumps({"instant": {"epochSecond": 1}, "message": message}).encode()


Cut = Callable[..., list[bytes]]
PIECES: list[Cut] = [in_docker, in_cri, in_journald, in_conmon, in_fluentd]
TIMED: list[Cut] = [in_docker, in_cri, in_journald]


@pytest.mark.parametrize("cut", PIECES)
def test_pieces_are_put_together(cut: Cut) -> None:
    """A line in pieces is one event, whose place is that of its first piece; what stands around it is taken too."""
    pieces = cut(event_line(BIG))
    assert len(pieces) > 2
    small, error = cut(event_line(event_body(2))), cut(b"other\n", "stderr")
    data = b"".join([*small, pieces[0], *error, *pieces[1:], *small])
    frames = frame(data, 100, LIMIT)
    assert frames.consumed == len(data)
    assert frames.bodies.count(BIG) == 1
    assert len(frames.bodies) + frames.ignored == 4
    assert 100 + len(small[0]) in frames.places


@pytest.mark.parametrize("cut", PIECES)
def test_pieces_of_two_streams_at_a_time(cut: Cut) -> None:
    """Each stream has its own line in pieces."""
    ours, theirs = cut(event_line(BIG)), cut(b"e" * 40_000 + b"\n", "stderr")
    data = b"".join(piece for pair in zip(ours[:3], theirs, strict=False) for piece in pair) + b"".join(
        ours[3:]
    )
    frames = frame(data, 0, LIMIT)
    assert (frames.bodies, frames.ignored, frames.consumed) == ([BIG], 1, len(data))


@pytest.mark.parametrize("cut", PIECES)
def test_a_piece_waits_for_its_rest(cut: Cut) -> None:
    """While the rest may come nothing after the piece is final; if nothing comes, it is refused."""
    small, pieces = cut(event_line(event_body(2))), cut(event_line(BIG))
    error = cut(b"other\n", "stderr")
    data = b"".join([*small, pieces[0], *error])
    frames = frame(data, 0, LIMIT)
    assert (len(frames.bodies), frames.ignored, frames.consumed) == (1, 0, len(small[0]))
    frames = frame(data, 0, LIMIT, last=True)
    assert (len(frames.bodies) + frames.ignored, frames.consumed) == (3, len(data))
    # It does not wait for ever, either: what is read at a time is bounded.
    frames = frame(pieces[0] + b"".join(error) * 200, 0, 16_000)
    assert frames.consumed > 16_000
    assert frames.too_long == 1


@pytest.mark.parametrize("cut", TIMED)
def test_a_piece_whose_rest_never_comes_holds_up_no_other_stream(cut: Cut) -> None:
    """A container was killed in the middle of a line: what comes much later, or behind much else, is taken."""
    piece = cut(event_line(BIG), "stderr")[0]
    (line,) = cut(event_line(event_body(2)))
    (own,) = cut(event_line(event_body(3)), "stderr")
    for behind in ([line] * 500, [line, later(line)], [later(own)]):
        data = piece + b"".join(behind)
        frames = frame(data, 0, 16 * 2**20)
        assert (len(frames.bodies), frames.consumed) == (1 + len(behind), len(data))
    # Until then it is waited for.
    assert frame(piece + line * 200, 0, 16 * 2**20).consumed == 0


def test_the_last_words_of_a_container_wait_for_no_rest() -> None:
    """A short record of Docker's without a line end holds up nothing: its container ended, and its log goes on."""
    data = docker("Killed", "stderr") + docker(event_line(event_body(1)).decode())
    frames = frame(data, 0, LIMIT)
    assert (len(frames.bodies), frames.consumed) == (2, len(data))


def test_what_is_whole_without_a_line_end() -> None:
    """A record of Docker's that holds a whole event is taken at once, though its text has no line end."""
    record = docker(event_line(event_body(1)).decode().strip())
    assert frame(record, 0, LIMIT).consumed == len(record)


async def test_pieces_across_reads_and_restarts(tmp_path: Path) -> None:
    """P2: pieces that come one at a time, with a kill between them, are journalled exactly once."""
    log = tmp_path / "gateway.log"
    pieces = in_docker(event_line(BIG))
    log.write_bytes(in_docker(event_line(event_body(2)))[0])
    tailing = Tailing(log)
    await tailing.poll()
    for piece in pieces:
        with log.open("ab") as file:
            file.write(piece)
        tailing.crash()
        await tailing.poll(seconds=1)
    assert [body for body in tailing.ingest.bodies if body == BIG] == [BIG]
    assert len(tailing.ingest.bodies) == 2


async def test_a_piece_at_the_end_of_a_rotated_log_is_torn(tmp_path: Path) -> None:
    """A piece whose rest never comes is refused as torn, and nothing waits for it."""
    log = tmp_path / "gateway.log"
    log.write_bytes(in_cri(event_line(event_body(2)))[0] + in_cri(event_line(BIG))[0])
    tailing = Tailing(tmp_path / "gateway*.log")
    assert len(await tailing.poll()) == 1
    log.rename(tmp_path / "gateway-1.log")
    log.write_bytes(in_cri(event_line(event_body(3)))[0])
    await tailing.poll(seconds=1)
    await tailing.poll(seconds=10)
    assert tailing.ingest.rejected == {"torn": 1}
    assert len(tailing.ingest.bodies) == 2
    assert sum(lag.bytes for lag in tailing.source.lag()) == 0


def test_records_without_line_ends() -> None:
    """Each record is taken as soon as it is whole; a line end behind them changes nothing."""
    records = [json_layout(number) for number in range(5)]
    data = b"".join(records)
    frames = frame(data, 10, LIMIT)
    assert frames.bodies == records
    assert frames.places == [10 + len(records[0]) * number for number in range(5)]
    assert frames.consumed == len(data)
    half = frame(data + records[0][:-5], 0, LIMIT)
    assert (half.bodies, half.consumed) == (records, len(data))
    assert frame(data[:-5], 0, LIMIT).consumed == len(data) - len(records[0])
    assert frame(data + b"\n", 0, len(data) // 2).bodies == records
    # As an array: `complete = true`.
    assert frame(b"[" + b", ".join(records), 0, LIMIT).bodies == records


def test_objects_in_an_array_are_no_records() -> None:
    """A record is never cut between the objects of its arrays, however little of it has come; a damaged one is."""
    record = b'{"apiName":"a","properties":{"tags":[{"a":1}, {"b":[{"c":2},{"d":"}"}]},{"e":3}]},"apiId":"b"}'
    for end in range(len(record)):
        assert frame(record[:end], 0, LIMIT).consumed == 0
        half = frame(record * 2 + record[:end], 0, LIMIT)
        assert (half.bodies, half.consumed) == ([record, record], 2 * len(record))
    assert frame(b"[" + b",".join([record] * 3), 0, LIMIT).bodies == [record] * 3
    damaged = frame(record[:60] + record * 2, 0, LIMIT)
    assert damaged.bodies[-1] == record
    assert damaged.consumed == len(record) * 2 + 60


def test_lines_without_line_ends() -> None:
    """A pattern without `%n` is framed by its marks; the last event may still grow."""
    lines = [event_line(event_body(number))[:-1] for number in range(3)]
    data = b"".join(lines)
    assert frame(data, 0, LIMIT).consumed == len(data)
    assert frame(data[:-9], 0, LIMIT).consumed in range(1, len(data) - 9)
    assert frame(lines[0], 0, LIMIT).consumed == 0


async def test_a_log_without_line_ends_is_never_behind(tmp_path: Path) -> None:
    """Records that come in any portions are taken one by one, also those behind one that is too long."""
    log = tmp_path / "json.log"
    log.write_bytes(b"")
    tailing = Tailing(log, max_line_bytes=1000)
    data = b"".join(json_layout(number) for number in range(4))
    data += json.dumps({"message": "x" * 3000}).encode() + b"".join(
        json_layout(number) for number in range(4, 8)
    )
    for at in range(0, len(data), 97):
        with log.open("ab") as file:
            file.write(data[at : at + 97])
        await tailing.poll(seconds=1)
    assert len(tailing.ingest.bodies) == 8
    assert tailing.ingest.rejected == {"too_long": 1}
    assert sum(lag.bytes for lag in tailing.source.lag()) == 0


@pytest.mark.parametrize("before", [b"", b'half {"apiName":"a","apiId":"b'])
async def test_zeros_are_no_part_of_a_line(tmp_path: Path, before: bytes) -> None:
    """The line behind 20 MiB of zeros is taken, of a file that was cut under a writer with its own offset."""
    log = tmp_path / "apim_metrics.log"
    log.write_bytes(before)
    os.truncate(log, 20 * 2**20)
    tailing = Tailing(log, max_line_bytes=2**20)
    assert await tailing.poll() == []
    with log.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(event_line(event_body(1)))
    await tailing.poll(seconds=1)
    assert tailing.ingest.bodies[-1] == event_body(1)
    assert len(tailing.ingest.bodies) == 1 + bool(before)
    assert tailing.ingest.rejected == {}
    assert sum(lag.bytes for lag in tailing.source.lag()) == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
async def test_a_log_in_utf_16(tmp_path: Path, encoding: str) -> None:
    """With a mark of the byte order or without, each line is read, however it comes."""
    log = tmp_path / "apim_metrics.log"
    text = "".join(
        event_line(event_body(number, userName="jürgen \u0a0d 日本")).decode() for number in range(5)
    )
    data = ("other\n" + text).encode(encoding)
    log.write_bytes(data[:333])
    tailing = Tailing(log)
    await tailing.poll()
    for at in range(333, len(data), 501):
        with log.open("ab") as file:
            file.write(data[at : at + 501])
        await tailing.poll(seconds=1)
    assert tailing.ingest.bodies == [event_body(number, userName="jürgen \u0a0d 日本") for number in range(5)]
    assert tailing.ingest.ignored == 1
    assert sum(lag.bytes for lag in tailing.source.lag()) == 0
