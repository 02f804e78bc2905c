"""What works, but deserves an operator's look; the start, `check` and the status report it."""

import difflib
from collections.abc import Iterator

from bridge.app import descriptors
from bridge.events.event import Event
from bridge.privacy.client_address import ADDRESS_FIELDS, ADDRESS_HEADERS
from bridge.privacy.hiding import header_name
from bridge.settings import Settings
from bridge.settings.wso2 import row_of


def advice(settings: Settings, *, keys: bool = True) -> list[str]:
    """Return what works, but deserves a look, one line each; `keys`: include WSO2's keys that have no effect."""
    lines = list(settings.warnings)
    if keys:
        lines += [
            f"apim.analytics.{key} has no effect here: {row.meaning}"
            for key in settings.wso2_keys
            if (row := row_of(key)) is not None and not row.honoured
        ]
    admin = settings.admin
    if (
        not admin.listen.is_loopback
        and admin.token is None
        and (admin.tls is None or not admin.tls.client_ca)
    ):
        lines.append(
            f"admin: anyone who reaches {admin.listen} can read status and metrics; set token or tls client_ca in "
            "[bridge.admin], or listen on 127.0.0.1"
        )
    lines += [
        f"{kind} {name}: {line}"
        for kind, tables in (("source", settings.sources), ("sink", settings.sinks))
        for name, table in tables.items()
        for line in table.advice(settings)
    ]
    return [*lines, *descriptors.advice(settings, descriptors.reachable_limit()), *_advice_on_rules(settings)]


def _advice_on_rules(settings: Settings) -> Iterator[str]:
    privacy, identity = settings.privacy, settings.identity
    if privacy.level == 1 and privacy.country_database is None:
        yield "[bridge.privacy] level = 1 derives no country without country_database: it is the same as 2"
    looked_up = privacy.database_of_analytics is not None and (
        settings.runs_analytics or any(source.looks_up_countries for source in settings.sources.values())
    )
    if privacy.level != 1 and privacy.country_database is not None and not looked_up:
        yield f"[bridge.privacy] country_database has no effect with level = {privacy.level}; set level = 1"
    for kind, entries in (("user", identity.user), ("company", identity.company)):
        for entry in entries:
            word, colon, rest = entry.partition(":")
            of_header = colon and word in {"header", "jwt"}
            if of_header and settings.captures.send_headers is False:
                yield (
                    f"bridge.identity.{kind}: {entry}: with send_headers = false the gateway captures no headers; "
                    "set it to true (credentials are taken out before the disk)"
                )
            if privacy.level and (
                entry in ADDRESS_FIELDS or (of_header and header_name(rest) in ADDRESS_HEADERS)
            ):
                yield (
                    f"bridge.identity.{kind}: {entry} is the client's address, which [bridge.privacy] level = "
                    f"{privacy.level} hides; look elsewhere"
                )
            known = [field for field in Event.__struct_fields__ if field not in {"properties", "extra"}]
            if not colon and "." not in entry and entry not in known:
                close = difflib.get_close_matches(entry, known, n=1, cutoff=0.8)
                if close:
                    yield f'bridge.identity.{kind}: no release of WSO2 knows {entry}; did you mean "{close[0]}"?'
