"""One probe of an endpoint: what it was asked, and what is made of its answer."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.certificates import Authority
from fakes.watched_endpoint import WatchedEndpoint

from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.probe import MOST_BODY_BYTES, REASONS, ProbeOutcome, Prober
from bridge.transports.http.lookup import Lookup
from bridge.transports.http.reach import Reach

HERE = ("127.0.0.0/8",)
_DAY_MS = 86_400_000


@asynccontextmanager
async def endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[WatchedEndpoint]:
    async with WatchedEndpoint().running(tls) as made:
        yield made


async def probed(
    url: str, *, networks: Sequence[str] = HERE, tls: ssl.SSLContext | None = None, **fields: Any
) -> ProbeOutcome:
    """Probe once."""
    prober = Prober(Reach(networks), tls or ssl.create_default_context(), Lookup(), time.monotonic)
    return await prober.probe(Monitor(name="one", url=url, **{"limit_seconds": 10} | fields))


async def test_an_answer_as_expected_is_up() -> None:
    """The endpoint gets the method, the headers and the body, and its status and time are told."""
    async with endpoint() as there:
        there.status = 202
        outcome = await probed(
            there.url, method="POST", headers={"Authorization": "Bearer secret"}, body='{"a": 1}'
        )
        assert (outcome.reason, outcome.status, outcome.detail) == (None, 202, "")
        assert outcome.took_ms >= 0
        (asked,), (body,) = there.asked, there.bodies
        assert (asked.method, asked.path, body) == ("POST", "/health", b'{"a": 1}')
        assert asked.headers["Authorization"] == "Bearer secret"
        assert asked.headers["User-Agent"].startswith("apim-bridge-monitor/")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_nothing_is_sent_with_a_look(method: str) -> None:
    """HEAD and GET have no body, also where one was left from a POST."""
    async with endpoint() as there:
        outcome = await probed(there.url, method=method, body="left")
        assert outcome.reason is None
        assert there.bodies == [b""]


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (204, ("2xx",), None),
        (401, ("2xx", "401"), None),
        (399, ("300-399",), None),
        (500, ("2xx",), "status"),
        (200, ("401",), "status"),
    ],
)
async def test_the_status_is_what_was_expected(
    status: int, expected: tuple[str, ...], reason: str | None
) -> None:
    """A status is expected by itself, by its class, or in a range."""
    async with endpoint() as there:
        there.status = status
        outcome = await probed(there.url, status=expected)
        assert (outcome.reason, outcome.status) == (reason, status)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"contains": "is well"}, None),
        ({"contains": "is ill"}, "text"),
        ({"lacks": "error"}, None),
        ({"lacks": "well"}, "text"),
        ({"contains": "wéll", "lacks": "x"}, None),
    ],
)
async def test_the_text_is_what_was_expected(fields: dict[str, Any], reason: str | None) -> None:
    """A text has to be there, or must not be, in whatever characters the answer is written."""
    async with endpoint() as there:
        if "é" in fields.get("contains", ""):
            there.text, there.headers = "all is wéll", {"Content-Type": "text/plain; charset=latin-1"}
        assert (await probed(there.url, **fields)).reason == reason


@pytest.mark.parametrize("charset", ["punycode", "PunyCode", "unicode_escape"])
async def test_what_is_no_charset_of_the_web_is_not_decoded(charset: str) -> None:
    """Python has codecs of its own, one of which takes minutes for a MiB, in which nobody else is served."""
    async with endpoint() as there:
        there.text, there.headers = "all is wéll", {"Content-Type": f"text/plain; charset={charset}"}
        assert (await probed(there.url, contains="wéll")).reason == "text"


async def test_a_connection_that_fails_is_a_result() -> None:
    """Nobody listens, and no name is found: both are down, with a reason."""
    async with endpoint() as there:
        await there.vanish()
        gone = await probed(there.url)
        assert (gone.reason, gone.status) == ("connection", None)
        assert "Connect call failed" in gone.detail
    lost = await probed("http://nobody.invalid/")
    assert (lost.reason, lost.status) == ("name", None)


@pytest.mark.parametrize(
    ("knob", "said", "status"),
    [("hangs", "no answer in 1 s", None), ("drips", "no whole answer in 1 s", 200)],
)
async def test_the_time_limit_holds_for_the_whole(knob: str, said: str, status: int | None) -> None:
    """An endpoint that does not begin its answer is down, and so is one that does not end it."""
    async with endpoint() as there:
        setattr(there, knob, True)
        outcome = await probed(there.url, limit_seconds=1)
        assert (outcome.reason, outcome.detail, outcome.status) == ("timeout", said, status)
        assert outcome.took_ms >= 1000


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    """What is read of a body is bounded: enough to look for a text, and no more."""
    async with endpoint() as there:
        there.endless = True
        assert (await probed(there.url, contains="all is well")).reason is None
        assert (await probed(there.url, contains="nowhere")).reason == "text"
        there.endless, there.text = False, "x" * MOST_BODY_BYTES + "late"
        assert (await probed(there.url, contains="late")).reason == "text"


async def test_what_is_no_http_is_down() -> None:
    """An answer that no client can read is a result."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        outcome = await probed(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert outcome.reason == "bad_answer"


async def test_a_redirect_is_followed_unless_it_is_expected() -> None:
    """The place that it leads to is judged; where the redirect itself is expected, that is."""
    async with endpoint() as there, endpoint() as behind:
        there.status, there.headers = 302, {"Location": behind.url}
        assert (await probed(there.url)).reason is None
        behind.status = 503
        assert (await probed(there.url)).status == 503
        assert (await probed(there.url, status=("302",))).reason is None
        assert (await probed(there.url, follow=False)).reason == "status"
        assert len(behind.asked) == 2


async def test_secrets_do_not_follow_to_another_place() -> None:
    """At another origin neither headers nor body come in; at the same one the headers do."""
    secrets = {"Authorization": "Bearer secret", "X-Key": "secret", "Cookie": "secret"}
    async with endpoint() as there, endpoint() as behind:
        there.status, there.headers = 302, {"Location": behind.url}
        assert (await probed(there.url, headers=secrets)).reason is None
        assert not {*secrets} & {*behind.asked[0].headers}
        there.status = 307
        outcome = await probed(there.url, method="POST", body="secret", headers=secrets)
        assert (outcome.reason, len(behind.asked)) == ("redirect", 1)
        behind.status, behind.headers = 302, {"Location": "/health"}
        assert (await probed(behind.url, headers=secrets)).reason == "redirect"
        assert {*secrets} <= {*behind.asked[-1].headers}


@pytest.mark.parametrize("place", ["ftp://gateway/", "http://user:word@gateway/", "http://[::1", "//"])
async def test_a_redirect_to_nowhere_is_down(place: str) -> None:
    """What is no HTTP URL, or has a password in it, is not followed."""
    async with endpoint() as there:
        there.status, there.headers = 301, {"Location": place}
        assert (await probed(there.url)).reason == "redirect"


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/", "http://127.0.0.2:1/", "http://[::1]:1/"]
)
async def test_a_redirect_to_the_inside_is_not_followed(place: str) -> None:
    """The address of each redirect is checked when it is connected to."""
    async with endpoint() as there:
        there.status, there.headers = 302, {"Location": place}
        outcome = await probed(there.url, networks=["127.0.0.1/32"])
        assert outcome.reason == "address"
        assert "reachable_networks" in outcome.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_not_reached(host: str) -> None:
    """Neither by its address nor by a name that leads to it."""
    async with endpoint() as there:
        outcome = await probed(there.url.replace("127.0.0.1", host), networks=())
        assert (outcome.reason, there.asked) == ("address", [])


async def test_a_certificate_and_its_end_are_told(tmp_path: Path) -> None:
    """A trusted certificate's end is known, an untrusted one is down, and unchecked it is up with its end known."""
    authority = Authority(tmp_path)
    async with endpoint(authority.server(days=3)) as there:
        good = await probed(there.url, tls=authority.client())
        assert good.reason is None
        assert good.expires_ms is not None
        assert 2 * _DAY_MS < good.expires_ms - time.time() * 1000 <= 3 * _DAY_MS
        bad = await probed(there.url)
        assert bad.reason == "tls"
        assert "comes from an authority that is not known here" in bad.detail
        blind = await probed(there.url, verify=False)
        assert (blind.reason, blind.expires_ms) == (None, good.expires_ms)


async def test_an_expired_certificate_is_down(tmp_path: Path) -> None:
    """It says that the certificate has expired, and when."""
    authority = Authority(tmp_path)
    async with endpoint(authority.server(days=-1)) as there:
        outcome = await probed(there.url, tls=authority.client())
        assert outcome.reason == "tls"
        assert "has expired" in outcome.detail
        assert outcome.expires_ms is None or outcome.expires_ms < time.time() * 1000


async def test_no_outcome_holds_a_secret() -> None:
    """Neither headers nor body nor what stands in the URL's query comes back in an outcome."""
    outcomes: list[Callable[[WatchedEndpoint], None]] = [
        lambda there: setattr(there, "status", 500),
        lambda there: setattr(there, "hangs", True),
        lambda there: setattr(there, "headers", {"Content-Encoding": "gzip"}),
    ]
    for turn in outcomes:
        async with endpoint() as there:
            turn(there)
            outcome = await probed(
                f"{there.url}?key=s3cr3t",
                method="POST",
                body="s3cr3t",
                headers={"X-Key": "s3cr3t"},
                contains="x",
                limit_seconds=1,
            )
            assert outcome.reason in REASONS
            assert "s3cr3t" not in repr(outcome)
