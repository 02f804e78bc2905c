"""Users and companies, published to Moesif beside the events that name them.

`POST /v1/users/batch` links a user to its company, and Moesif then counts the user's events for it;
`/v1/companies/batch` names the company. Both are upserts that leave alone what they do not say (Moesif/apidocs,
_users-api.md). Memory holds what was published, so each user or company is published when it changes, and again
after a restart. No event waits for this.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from bridge.contracts import Clock
from bridge.errors import Refused, SinkError, TooLarge
from bridge.events.event import Event
from bridge.events.sentinels import real
from bridge.events.uri import UNKNOWN
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.sampling import Form

# How long changes gather, so that a user of two applications is not published with each call.
_GATHER_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
# About 100 bytes each (P8). One that falls out is published again.
_MOST_REMEMBERED: Final = 50_000
_MOST_WAITING: Final = 10_000
_MOST_IN_A_REQUEST: Final = 200
_NOBODY: Final = frozenset({UNKNOWN, "anonymous", ""})

Post = Callable[[str, str, bytes], Awaitable[object]]
"""Path, tenant and body; raises SinkError."""

_Name = tuple[str, str, str]
"""Kind (`users`, `companies`), tenant, id."""


class Profiles:
    """Notes who called, and publishes in the background what is new; `close` ends that."""

    def __init__(
        self,
        post: Post,
        happenings: MoesifHappenings,
        clock: Clock,
        *,
        gather_seconds: float = _GATHER_SECONDS,
    ) -> None:
        self._post = post
        self._happenings = happenings
        self._clock = clock
        self._gather_seconds = gather_seconds
        self._digests: dict[_Name, int] = {}
        self._waiting: dict[_Name, dict[str, Any]] = {}
        self._publishing: asyncio.Task[None] | None = None

    def note(self, tenant: str, forms: Iterable[Form], events: Iterable[Event]) -> None:
        """Note the users and companies of events, in Moesif's schema and canonical."""
        for form, event in zip(forms, events, strict=True):
            user, company = _id(form, "user_id"), _id(form, "company_id")
            domain = real(event.organizationId) or real(event.apiCreatorTenantDomain)
            if user is not None:
                application = real(event.applicationName), real(event.applicationId)
                if self._is_new(("users", tenant, user), hash((company, domain, *application))):
                    metadata = {
                        "applicationName": application[0],
                        "applicationId": application[1],
                        "tenant": domain,
                    }
                    self._wait(("users", tenant, user), _profile("user_id", user, company, metadata))
            if company is not None and self._is_new(("companies", tenant, company), hash(domain)):
                self._wait(
                    ("companies", tenant, company), _profile("company_id", company, None, {"tenant": domain})
                )
        if self._waiting and (self._publishing is None or self._publishing.done()):
            self._publishing = asyncio.create_task(self._publish(), name="moesif profiles")

    async def close(self) -> None:
        """Stop publishing; what waits is published when it comes again."""
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
            self._publishing = None

    def _is_new(self, name: _Name, digest: int) -> bool:
        if self._digests.get(name) == digest:
            return False
        if len(self._digests) >= _MOST_REMEMBERED and name not in self._digests:
            del self._digests[next(iter(self._digests))]
        self._digests[name] = digest
        return True

    def _wait(self, name: _Name, profile: dict[str, Any]) -> None:
        if len(self._waiting) >= _MOST_WAITING and name not in self._waiting:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            # Not published, so its next event counts as new again.
            self._digests.pop(oldest, None)
        self._waiting[name] = profile

    async def _publish(self) -> None:
        pause = self._gather_seconds
        while self._waiting:
            await self._clock.sleep(pause)
            failure: SinkError | None = None
            for kind, tenant in dict.fromkeys((kind, tenant) for kind, tenant, _ in self._waiting):
                try:
                    await self._publish_all(kind, tenant)
                except SinkError as error:
                    failure = error
            if failure is None:
                pause = self._gather_seconds
            else:
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                self._happenings.publish_failed(failure, len(self._waiting), pause)

    async def _publish_all(self, kind: str, tenant: str) -> None:
        names = [name for name in self._waiting if name[:2] == (kind, tenant)]
        for start in range(0, len(names), _MOST_IN_A_REQUEST):
            batch = {
                name: self._waiting[name]
                for name in names[start : start + _MOST_IN_A_REQUEST]
                if name in self._waiting
            }
            await self._send(kind, tenant, list(batch.values()))
            for name, profile in batch.items():
                # It may have changed meanwhile.
                if self._waiting.get(name) is profile:
                    del self._waiting[name]

    async def _send(self, kind: str, tenant: str, profiles: Sequence[dict[str, Any]]) -> None:
        if not profiles:
            return
        try:
            await self._post(f"/v1/{kind}/batch", tenant, msgspec.json.encode(profiles))
        except (Refused, TooLarge) as error:
            if len(profiles) == 1:
                self._happenings.publish_refused(kind, error)
                return
            middle = len(profiles) // 2
            await self._send(kind, tenant, profiles[:middle])
            await self._send(kind, tenant, profiles[middle:])
        else:
            self._happenings.published(kind, len(profiles))


def _id(form: Form, name: str) -> str | None:
    value = form.get(name) if isinstance(form, dict) else getattr(form, name, None)
    return value if isinstance(value, str) and value not in _NOBODY else None


def _profile(key: str, name: str, company: str | None, metadata: dict[str, str | None]) -> dict[str, Any]:
    profile: dict[str, Any] = {key: name}
    if company is not None:
        profile["company_id"] = company
    if said := {key: value for key, value in metadata.items() if value is not None}:
        profile["metadata"] = said
    return profile
