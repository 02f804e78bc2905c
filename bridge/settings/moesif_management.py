"""`[bridge.moesif_management]`: the account in which `apim-bridge workspace create --at moesif` makes workspaces."""

from pydantic import Field, SecretStr

from bridge.settings.transport import ConnectionSettings
from bridge.settings.units import Duration, Url


class MoesifManagementSettings(ConnectionSettings):
    """Moesif's Management API, for `apim-bridge workspace create --at moesif`."""

    org: str = Field(
        default="",
        description="Moesif's id of your organisation, as its links have it.",
        json_schema_extra={"sample": "177:3", "default": "none"},
    )
    app: str = Field(
        default="",
        description="Moesif's id of the application whose calls are shown.",
        json_schema_extra={"sample": "198:3", "default": "none"},
    )
    token: SecretStr | None = Field(
        default=None,
        description="A token of the Management API with the scope create:workspaces.",
        json_schema_extra={"sample": "$secret{moesif_management_token}"},
    )
    url: Url = Field(default="https://api.moesif.com", description="Where the Management API is.")
    page_url: Url = Field(
        default="https://www.moesif.com", description="Where Moesif's pages are: share links begin with it."
    )
    request_timeout: Duration = Field(default=30, gt=0, description="How long one request may take.")
