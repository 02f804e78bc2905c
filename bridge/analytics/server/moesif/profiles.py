"""What Moesif's developer portal asks beside workspaces: plans, users and companies, of which the analytics have none.

Its list of plans and its search for a user by e-mail get an empty answer, as from an account without any; a user or a
company by id is not found. Requests: moesif-developer-portal, my-dev-portal-api/services/moesifApis.js.
"""

from collections.abc import Sequence

from aiohttp import web

from bridge.analytics.server.describing import body, gives, in_path, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.moesif.paths import at_every_base
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.web.answers import json_response


def endpoints(_served: Served) -> Sequence[ApiEndpoint]:
    """Return these calls."""
    found = gives({"type": "object"})
    plans = [parameter(name, text()) for name in ("includes", "provider")]
    return [
        *at_every_base(
            "GET",
            "/~/billing/catalog/plans",
            _none,
            "read:data",
            "List plans: there are none here",
            takes(*plans) | found,
        ),
        *at_every_base(
            "POST",
            "/search/~/search/users",
            _none_found,
            "read:data",
            "Search profiles of users: there are none here",
            body({"type": "object"}) | found,
        ),
        *(
            one
            for kind in ("users", "companies")
            for one in at_every_base(
                "GET",
                f"/search/~/{kind}/{{id}}",
                _unknown,
                "read:data",
                f"Show the profile of one of the {kind}: there are none here",
                takes(in_path("id")) | found,
            )
        ),
    ]


async def _none(_request: web.Request) -> web.Response:
    return json_response({"hits": [], "total": 0})


async def _none_found(_request: web.Request) -> web.Response:
    return json_response({"took": 0, "timed_out": False, "hits": {"total": 0, "hits": []}})


async def _unknown(_request: web.Request) -> web.Response:
    raise RequestRefused(
        404, "there are no profiles here: the analytics keep calls", "ask Moesif, or the system that has them"
    )
