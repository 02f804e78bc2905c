"""All calls of Moesif's that are answered."""

from collections.abc import Sequence
from typing import Final

from bridge.analytics.server.describing import body, gives, in_path, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.moesif import embedding, profiles, searching
from bridge.analytics.server.moesif.paths import at_every_base
from bridge.analytics.server.moesif.workspaces import MOST_LISTED, MoesifWorkspaceCalls
from bridge.analytics.server.served import Served

_APP: Final = parameter("app_id", text("Kept and shown; there is one store."))


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of Moesif's calls."""
    return [
        *_of_workspaces(served),
        *embedding.endpoints(served),
        *searching.endpoints(served),
        *profiles.endpoints(served),
    ]


def _of_workspaces(served: Served) -> Sequence[ApiEndpoint]:
    calls = MoesifWorkspaceCalls(served)
    document = gives({"type": "object"})
    made = gives({"type": "object"}, status="201")
    given = body({"type": "object", "required": ["name", "chart", "policy"]})
    number = in_path("id")
    expiration = parameter("expiration", text("When the workspace ends, in ISO 8601."))
    scope: Final = "create:workspaces"
    legacy = at_every_base(
        "POST",
        "/replay/{org}/workspaces",
        calls.create_legacy,
        scope,
        "Moesif's legacy call: make a workspace, and get the access_token of its link",
        takes(in_path("org"), _APP, expiration) | given | made,
        described_at="",
    )
    return [
        *legacy,
        *at_every_base(
            "POST",
            "/~/workspaces",
            calls.create,
            scope,
            "Make a workspace",
            takes(_APP, expiration) | given | made,
        ),
        *at_every_base(
            "GET",
            "/~/workspaces",
            calls.all,
            scope,
            "List workspaces, the newest first",
            takes(
                _APP,
                parameter("take", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}),
                parameter("before_id", text()),
                parameter("access", {"type": "array", "items": {"enum": ["public", "private"]}}),
                parameter("type", text("Without effect.")),
            )
            | gives({"type": "array", "items": {"type": "object"}}),
        ),
        *at_every_base(
            "GET",
            "/~/workspaces/templates",
            calls.templates,
            scope,
            "List the templates",
            takes(_APP) | gives({"type": "array", "items": {"type": "object"}}),
        ),
        *at_every_base(
            "GET", "/~/workspaces/{id}", calls.one, scope, "Show a workspace", takes(number, _APP) | document
        ),
        *at_every_base(
            "POST",
            "/~/workspaces/{id}",
            calls.update,
            scope,
            "Change parts of a workspace",
            takes(number, _APP) | body({"type": "object"}) | document,
        ),
        *at_every_base(
            "DELETE",
            "/~/workspaces/{id}",
            calls.delete,
            scope,
            "Delete a workspace",
            takes(number, _APP) | document,
        ),
        *at_every_base(
            "POST",
            "/~/workspaces/{id}/policy/acl",
            calls.grant,
            scope,
            "Let somebody read, or everybody",
            takes(number, _APP, parameter("grantee", text(), required=True), parameter("permission", text()))
            | document,
        ),
        *at_every_base(
            "DELETE",
            "/~/workspaces/{id}/policy/acl",
            calls.withdraw,
            scope,
            "Let somebody read no longer",
            takes(number, _APP, parameter("grantee", text(), required=True)) | document,
        ),
        *at_every_base(
            "GET",
            "/workspaces/access_token",
            calls.access_token,
            scope,
            "Get the token of a workspace's link",
            takes(parameter("id", text("Of a workspace."), required=True)) | document,
        ),
        *at_every_base(
            "GET",
            "/workspaces/public/{id}",
            calls.public,
            scope,
            "Show a workspace that everybody may read",
            takes(number) | document,
        ),
    ]
