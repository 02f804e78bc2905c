"""Events for the analytics, as a bridge sends them: made-up calls of many APIs, applications and users."""

import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from bridge.demo.calls import correlation_id
from bridge.demo.gateway import GatewayStandIn, java_time
from bridge.events.times import format_ms

APIS, APPLICATIONS, USERS, ADDRESSES = 200, 50, 5_000, 3_000
_APIS_OF_ONE: Final = 10
_RESOURCES: Final = 5
_POOL: Final = 2_000
# Of the calls with errors that the stand-in makes; a gateway that does well has some two in a hundred.
_ERRORS: Final = 0.1
_encode: Final = msgspec.json.Encoder().encode


def bodies(count: int, batch: int, time_ms: Callable[[int], int], seed: int = 1) -> Iterator[bytes]:
    """Yield arrays of so many events, `count` in all; `time_ms` says when each was asked, by its number."""
    chance = random.Random(seed)
    gateway = GatewayStandIn(seed, lambda: 0, errors=_ERRORS)
    pool = [gateway.call().event for _ in range(_POOL)]
    for start in range(0, count, batch):
        numbers = range(start, min(start + batch, count))
        received = format_ms(time_ms(numbers[-1]) + 1000)
        yield _encode([_event(chance, chance.choice(pool), time_ms(number), received) for number in numbers])


def _event(chance: random.Random, call: dict[str, Any], time_ms: int, received: str) -> dict[str, Any]:
    """Return the call as one of many: of another API, application and user, at this time."""
    application = _seldom(chance, APPLICATIONS)
    api = (application * 4 + _seldom(chance, _APIS_OF_ONE)) % APIS
    version = "v2" if api % 3 == 0 and chance.random() < 0.5 else "v1"
    user = f"user{_seldom(chance, USERS)}@carbon.super"
    context = f"/api{api:03}/{version}"
    said = {
        "bridge": {
            "id": correlation_id(chance),
            "received": received,
            "instance": f"gateway-{chance.randrange(3)}",
        },
        "apiName": f"API {api:03}",
        "apiVersion": version,
        "apiId": str(uuid.UUID(int=api + 1)),
        "apiContext": context,
        "destination": f"https://backend-{api % 40}.internal:8443/v1",
        "apiResourceTemplate": f"/r{api:03}/{{id}}/{_seldom(chance, _RESOURCES)}",
        "userIp": f"198.51.{chance.randrange(ADDRESSES // 250)}.{chance.randrange(250)}",
        "userName": user,
        "applicationName": f"Application {application:02}",
        "applicationId": str(uuid.UUID(int=application + 1)),
        "applicationOwner": f"owner{application % 20}",
        "correlationId": correlation_id(chance),
        "requestTimestamp": java_time(time_ms),
        "properties": {**call["properties"], "userName": user, "apiContext": context},
    }
    # What a call does not say stays unsaid: one that was refused has no user, no address and no resource.
    said = {name: value for name, value in said.items() if name in call or name == "bridge"}
    if call.get("applicationName") in {"anonymous", "UNKNOWN"}:
        for name in ("applicationName", "applicationId", "applicationOwner"):
            said[name] = call[name]
    return {"bridge": said["bridge"]} | call | said


def _seldom(chance: random.Random, count: int) -> int:
    """Return a number below `count`, great ones seldom: a few callers make most of the calls."""
    return int(count * chance.random() ** 2)
