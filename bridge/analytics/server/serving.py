"""The analytics process's parts, put together: the store, and one HTTP listener over it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from bridge.analytics.admin import AdminFile
from bridge.analytics.erasures import ErasureJobs
from bridge.analytics.server.access import RIGHTS, Access
from bridge.analytics.server.alerting import alerting
from bridge.analytics.server.client_keys import KeyReader
from bridge.analytics.server.endpoint import ApiAnswering, ApiEndpoint
from bridge.analytics.server.looking import looking
from bridge.analytics.server.monitoring import rounds_of
from bridge.analytics.server.parts import endpoints_of
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rolling import roll
from bridge.analytics.server.served import Served
from bridge.analytics.server.tidying import tidy
from bridge.analytics.server.unread import unread
from bridge.analytics.server.unused import end_unused
from bridge.analytics.store import Store
from bridge.analytics.store.compaction import compact, much_room
from bridge.analytics.store.store import LEAST_FREE_BYTES
from bridge.clock import SystemClock
from bridge.errors import QuestionTooLong, SettingsError, StoreUnusable, StoreWaits, Unanswerable
from bridge.privacy.countries import Countries
from bridge.settings import Address, BridgeSettings, PrivacySettings
from bridge.web.answers import json_response

_REMEMBERED_ADDRESSES: Final = 16_384


@asynccontextmanager
async def serving(settings: BridgeSettings) -> AsyncIterator[str]:
    """Open the store and serve it while the block runs; yields the URL.

    Raises StoreUnusable, at the start or when the store breaks, and SettingsError for an address or a database of
    countries that cannot be used.
    """
    country_of, analytics = country_lookup(settings.privacy), settings.analytics
    await asyncio.to_thread(_give_room_back, settings)
    async with (
        Store.opened(
            settings.analytics_folder,
            memory_bytes=analytics.memory,
            threads=analytics.threads,
            readers=analytics.questions_at_once,
        ) as store,
        AdminFile.opened(settings.analytics_folder) as admin,
    ):
        clock = SystemClock()
        access = Access(
            analytics.tokens,
            admin,
            clock,
            public=analytics.public_url is not None,
            zone=ZoneInfo(analytics.time_zone),
        )
        keys = KeyReader(store, admin, clock)
        access.readers.append(keys)
        rounds = rounds_of(admin, analytics, clock)
        served = Served(store, analytics, access, admin, rounds, country_of, clock=clock)
        async with (
            while_whole(store),
            looking(served, tidy, "the store could not let go of old events"),
            looking(served, roll, "events could not be rolled up"),
            looking(served, _roll_up_probes, "probes of monitors could not be rolled up"),
            erasing(served),
            looking(served, end_unused, "what nobody uses could not be ended"),
            looking(served, _note_uses, "it could not be kept which tokens were used"),
            rounds.going(),
            looking(served, lambda _: keys.note_looks(), "it could not be kept which keys were used"),
            alerting(served),
            listening(served, endpoints_of(served), settings.analytics.listen) as url,
        ):
            yield url


async def _roll_up_probes(served: Served) -> None:
    # A key's monitors go with its calls.
    await served.monitors.forget(lambda key: served.store.may_have("key", key))
    await served.monitors.roll_up()


@asynccontextmanager
async def erasing(served: Served) -> AsyncIterator[None]:
    """Do what erasures ask for while the block runs."""
    count = partial(_count_erased, served)
    jobs = ErasureJobs(served.store, served.admin, served.clock, served.logger, erased=count)
    task = asyncio.create_task(jobs.run(served.erasure_asked))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _count_erased(served: Served, events: int) -> None:
    served.metrics.count("analytics_events_erased", events, "asked")


async def _note_uses(served: Served) -> None:
    await served.access.note_uses()


def _give_room_back(settings: BridgeSettings) -> None:
    """Make the store's files smaller where that is worth it; without room for the copy they stay as they are."""
    logger = structlog.get_logger().bind(part="analytics")
    try:
        compacted = compact(
            settings.analytics_folder,
            much_room,
            memory_bytes=settings.analytics.memory,
            threads=settings.analytics.threads,
            least_free_bytes=LEAST_FREE_BYTES,
        )
    except StoreWaits as waits:
        logger.warning("the store could not give room back", problem=str(waits))
    else:
        for one in compacted:
            logger.info(
                "the store gave room back", file=one.name, bytes_before=one.before, bytes_now=one.after
            )


def country_lookup(privacy: PrivacySettings) -> Callable[[str], str | None] | None:
    """Return what looks up where an address is; None: nothing may. Raises SettingsError."""
    if (database := privacy.database_of_analytics) is None:
        return None
    # Callers come again and again: what is remembered takes 0.2 µs, a look into the file and at the address 7.
    return lru_cache(maxsize=_REMEMBERED_ADDRESSES)(Countries(database).country_of)


@asynccontextmanager
async def while_whole(store: Store) -> AsyncIterator[None]:
    """End the block with StoreUnusable when the store breaks: whoever supervises the process starts it again."""
    owner = asyncio.current_task()
    assert owner is not None  # noqa: S101 - this is a coroutine
    watch = asyncio.create_task(store.broken.wait())
    watch.add_done_callback(lambda done: None if done.cancelled() else owner.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if not store.broken.is_set():
            raise
        owner.uncancel()
        raise StoreUnusable(
            f"DuckDB has given up the store in {store.folder}, as it does on a full disk; nothing is lost: "
            "make room, and start the process again"
        ) from None
    finally:
        watch.cancel()


@asynccontextmanager
async def listening(served: Served, endpoints: Sequence[ApiEndpoint], address: Address) -> AsyncIterator[str]:
    """Serve these endpoints on an address while the block runs; yields the URL. Raises SettingsError."""
    app = web.Application(middlewares=[_answering(served)])
    for one in endpoints:
        answer = _admitting(served.access, one)
        if one.method == "GET":
            app.router.add_get(one.path, answer, allow_head=not one.streamed)
        else:
            app.router.add_route(one.method, one.path, answer)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=unread(served.logger),
        shutdown_timeout=1,
        handler_cancellation=True,
        auto_decompress=False,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"[bridge.analytics] listen = {address}: {os.strerror(error.errno or 0)}; "
                "choose a free address of this machine"
            ) from None
        yield f"http://{Address(address.host, runner.addresses[0][1])}"
    finally:
        await runner.cleanup()


def _admitting(access: Access, endpoint: ApiEndpoint) -> ApiAnswering:
    async def answer(request: web.Request) -> web.StreamResponse:
        access.admit(request, endpoint)
        return await endpoint.answer(request)

    async def answer_in_their_words(request: web.Request) -> web.StreamResponse:
        assert endpoint.worded is not None  # noqa: S101 - it is for these alone
        try:
            return await answer(request)
        except RequestRefused as refusal:
            raise endpoint.worded(refusal) from refusal
        except Unanswerable as question:
            said = _problem(question)
            wrong = RequestRefused(400, said.pop("error"), said.pop("cure", ""))
            wrong.content |= said
            raise endpoint.worded(wrong) from question

    return answer if endpoint.worded is None else answer_in_their_words


def logged_path(request: web.BaseRequest) -> str:
    """Return the path of a request as a log may have it: below /public it may hold a token."""
    return "/public/…" if request.path.startswith("/public/") else request.path


def _answering(served: Served) -> Any:
    @web.middleware
    async def answering(request: web.Request, handler: ApiAnswering) -> web.StreamResponse:
        answer = await answered(request, handler)
        if answer.prepared or not request.writer.output_size:
            return answer
        # What goes wrong now cannot be said any more in an answer that has begun: it is not brought to its end.
        served.logger.warning("an answer was broken off", path=logged_path(request), status=answer.status)
        if request.transport is not None:
            request.transport.close()
        return answer

    async def answered(request: web.Request, handler: ApiAnswering) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestRefused as refusal:
            answer = json_response(refusal.content, refusal.status)
            answer.headers.update(refusal.headers)
        except Unanswerable as question:
            answer = json_response(_problem(question), 400)
        except (StoreWaits, QuestionTooLong) as late:
            answer = _late_answer(late, request)
        except web.HTTPException as error:
            answer = json_response({"error": error.reason, "cure": "see /api/openapi.json"}, error.status)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            # The caller learns nothing about the inside.
            served.logger.exception(
                "a page of the analytics failed", path=logged_path(request), exc_info=error
            )
            answer = json_response({"error": "this server has failed", "cure": "look at its log"}, 500)
        return answer

    return answering


def _late_answer(late: StoreWaits | QuestionTooLong, request: web.Request) -> web.Response:
    error, _, cure = str(late).rpartition("; ")
    if isinstance(late, QuestionTooLong):
        return json_response({"error": error, "cure": cure}, 504)
    if not _sees_everything(request):
        error, cure = "this server has to wait for its store", "try again in a moment"
    return json_response({"error": error, "cure": cure}, 503, Retry_After="5")


def _sees_everything(request: web.Request) -> bool:
    """Return whether a caller may know of folders and files, as operators and bridges do."""
    rights = request.get(RIGHTS)
    return rights is not None and rights.sandbox is None


def _problem(question: Unanswerable) -> dict[str, str]:
    said = {
        "error": str(question),
        "cure": question.cure,
        "field": question.field,
        "nearest": question.nearest,
    }
    return {name: text for name, text in said.items() if text}
