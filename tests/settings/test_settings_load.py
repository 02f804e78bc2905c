"""From a file to settings: which sinks are on, which value wins, and what is said about faults."""

import socket
from pathlib import Path
from typing import Any

import pytest
from fakes.settings_toys import LOG, SINKS, SOURCES, WSO2, Loader, ToyHttp, ToyListener, ToyMoesif
from places import ROOT
from pydantic import ValidationError

from bridge.errors import SettingsError
from bridge.settings import Address, load
from bridge.settings.patterns import meet


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def test_defaults(loader: Loader) -> None:
    """A short file gives the documented defaults."""
    settings = loader(WSO2 + LOG)
    assert settings.file == loader.file
    assert settings.instance == socket.gethostname()
    assert settings.gateway_url is None
    assert settings.state_dir == Path("/var/lib/apim-bridge")
    assert settings.secrets_dir == Path("/run/secrets")
    assert (settings.drain, settings.log_level) == (20, "INFO")
    journal = settings.journal
    assert (journal.max_bytes, journal.retain, journal.min_free_bytes) == (2 * 2**30, 86400, 64 * 2**20)
    assert settings.admin.listen == Address("127.0.0.1", 9881)
    delivery = settings.delivery
    assert (delivery.batch_max_events, delivery.batch_max_bytes) == (1000, 4 * 2**20)
    assert (delivery.linger, delivery.concurrency) == (1, 8)
    assert (delivery.request_timeout, delivery.retry_max, delivery.poison_after) == (30, 60, 600)
    assert list(settings.sources) == ["log"]
    assert settings.wso2.enable
    assert settings.wso2.type == ("moesif",)
    assert settings.warnings == ()
    sink = settings.sinks["moesif"]
    assert (sink.type, sink.only, sink.exclude) == ("moesif", {}, {})
    assert (sink.max_requests_per_second, sink.start_at) == (None, None)


def test_frozen_and_silent_about_secrets(loader: Loader) -> None:
    """Settings cannot be changed, and no secret shows when they are printed."""
    settings: Any = loader(WSO2 + LOG)
    with pytest.raises(ValidationError, match="frozen"):
        settings.drain = 1
    assert "k-e-y" not in repr(settings)
    assert "k-e-y" not in settings.fingerprint


# -- which sinks are on


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ('"moesif"', ["moesif"]),
        ('"moesif, archive"', ["moesif", "archive"]),
        ('"[archive, moesif]"', ["archive", "moesif"]),
        ('["archive", "moesif", "archive"]', ["archive", "moesif"]),
    ],
)
def test_type_is_a_name_a_comma_string_or_a_list(loader: Loader, written: str, names: list[str]) -> None:
    """`type` takes all three forms, each name a kind or a table's, in their order."""
    archive = '[bridge.sinks.archive]\ntype = "file"\npath = "/a"\n'
    settings = loader(WSO2.replace('type = "moesif"', f"type = {written}") + LOG + archive)
    assert list(settings.sinks) == names
    assert settings.sinks["moesif"].type == "moesif"
    if "archive" in names:
        assert settings.sinks["archive"].type == "file"


def test_our_type_overrides_wso2s(loader: Loader) -> None:
    """[bridge] type wins over WSO2's word for its log, whether analytics is enabled or not."""
    ours = f'[bridge]\ntype = "moesif"\n{LOG}'
    assert list(loader(WSO2.replace('"moesif"', '"elk"') + ours).sinks) == ["moesif"]
    assert list(loader(WSO2.replace("true", "false") + ours).sinks) == ["moesif"]
    alone = f'[bridge]\ntype = "file"\n{LOG}[bridge.sinks.file]\npath = "/a"\n'
    assert list(loader(alone).sinks) == ["file"]


@pytest.mark.parametrize("head", [WSO2.replace("true", "false"), "", WSO2.replace("enable = true", "")])
def test_analytics_off_is_a_fault_with_its_cure(loader: Loader, head: str) -> None:
    """Without `enable` and without [bridge] type there is nothing to do, and the error says so with the cure."""
    assert "set enable = true" in loader.faults(head + LOG)["apim.analytics.enable"]


def test_no_type_is_a_fault(loader: Loader) -> None:
    """An absent or empty `type` is a fault at the key that should hold it."""
    absent = WSO2.replace('type = "moesif"', "")
    assert "names no sink" in loader.faults(absent + LOG)["apim.analytics.type"]
    assert "names no sink" in loader.faults(f"{WSO2}[bridge]\ntype = []\n{LOG}")["bridge.type"]
    assert "write it like" in loader.faults(f"{WSO2}[bridge]\ntype = 5\n{LOG}")["bridge.type"]
    faults = loader.faults(WSO2.replace('type = "moesif"', "type = 5") + LOG)
    assert list(faults) == ["apim.analytics.type"]


@pytest.mark.parametrize("word", ["elk", "log", "opensearch", "datadog", "choreo", "default", "ELK"])
def test_wso2s_log_words_point_to_our_type(loader: Loader, word: str) -> None:
    """A word that makes WSO2 write to its log is no sink: the fault points to [bridge] type."""
    fault = loader.faults(WSO2.replace('"moesif"', f'"{word}"') + LOG)["apim.analytics.type"]
    assert "name the sinks in [bridge], such as type = " in fault


def test_a_log_word_may_name_a_sink(loader: Loader) -> None:
    """With a table of that name, `elk` is a sink like any other."""
    table = '[bridge.sinks.elk]\ntype = "file"\npath = "/a"\n'
    assert list(loader(WSO2.replace('"moesif"', '"elk"') + LOG + table).sinks) == ["elk"]


def test_unknown_type_names_the_nearest(loader: Loader) -> None:
    """A misspelt name is a fault that names the nearest known one, whether kind or table."""
    fault = loader.faults(WSO2.replace('"moesif"', '"moesiff"') + LOG)["apim.analytics.type"]
    assert 'unknown sink "moesiff"; did you mean "moesif"?' in fault
    text = f'{WSO2}[bridge]\ntype = "archiv"\n{LOG}[bridge.sinks.archive]\ntype = "file"\npath = "/a"\n'
    assert 'did you mean "archive"?' in loader.faults(text)["bridge.type"]
    assert "known here: file, http, moesif" in loader.faults(f'[bridge]\ntype = "zzz"\n{LOG}')["bridge.type"]


def test_kind_of_a_named_sink(loader: Loader) -> None:
    """A table whose name is no kind needs `type`; a wrong one is answered with the nearest."""
    text = f'[bridge]\ntype = "a"\n{LOG}[bridge.sinks.a]\npath = "/a"\n'
    assert "is missing; set it to one of moesif, file, http" in loader.faults(text)["bridge.sinks.a.type"]
    fault = loader.faults(text + 'type = "fil"\n')["bridge.sinks.a.type"]
    assert 'unknown kind of sink "fil"; did you mean "file"?' in fault


def test_unnamed_table_is_a_warning(loader: Loader) -> None:
    """A sink that `type` does not name is off: a warning, and nothing in its table is needed."""
    settings = loader(f'{WSO2}{LOG}[bridge.sinks.rest]\nkey = "$env{{NOT_SET}}"\n')
    assert list(settings.sinks) == ["moesif"]
    [warning] = settings.warnings
    assert warning.startswith(f"{loader.file}: bridge.sinks.rest: apim.analytics.type does not name")


# -- which value wins


def test_wso2_keys_and_what_overrides_them(loader: Loader) -> None:
    """WSO2's keys reach each sink of that type; a sink's own table wins."""
    text = (
        WSO2.replace('"moesif"', '["moesif", "other"]')
        + 'moesif_base_url = "https://wso2"\nmoesif_old_url = "https://old"\n'
        + LOG
        + '[bridge.sinks.other]\ntype = "moesif"\nbase_url = "https://ours"\nkey = "mine"\n'
    )
    moesif, other = loader(text).sinks.values()
    assert isinstance(moesif, ToyMoesif)
    assert isinstance(other, ToyMoesif)
    assert (moesif.key.get_secret_value(), moesif.base_url) == ("k-e-y", "https://wso2")
    assert (other.key.get_secret_value(), other.base_url) == ("mine", "https://ours")


def test_delivery_is_the_default_of_every_sink(loader: Loader) -> None:
    """[bridge.delivery] beats a sink's own default, and the sink's own table beats both."""
    head = f'[bridge]\ntype = ["http", "file"]\n{LOG}'
    sinks = '[bridge.sinks.http]\nurl = "https://x"\n[bridge.sinks.file]\npath = "/a"\nlinger = "5s"\n'
    first = loader(head + sinks).sinks
    assert (first["http"].batch_max_events, first["file"].batch_max_events) == (50, 1000)
    settings = loader(f'{head}[bridge.delivery]\nbatch_max_events = 70\nlinger = "2s"\n{sinks}')
    assert [sink.batch_max_events for sink in settings.sinks.values()] == [70, 70]
    assert [sink.linger for sink in settings.sinks.values()] == [2, 5]
    assert settings.delivery.batch_max_events == 70


def test_delivery_beyond_a_sinks_own_limit_is_a_fault_where_it_stands(loader: Loader) -> None:
    """A shared value that one sink cannot take is reported at the shared key, with the sink."""
    text = f'[bridge]\ntype = "http"\n{LOG}[bridge.delivery]\nbatch_max_events = 101\n[bridge.sinks.http]\n'
    [(key, fault)] = loader.faults(f'{text}url = "https://x"\n').items()
    assert key == "bridge.delivery.batch_max_events"
    assert "101 is not a whole number from 1 to 100 (for [bridge.sinks.http])" in fault


def test_filters_take_one_value_or_several(loader: Loader) -> None:
    """`only` and `exclude` read texts, numbers, booleans, lists and nested tables as lists of texts."""
    only = '{ eventType = "fault", proxyResponseCode = [500, 503], responseCacheHit = false }'
    exclude = '{ properties = { subtype = "AIAPI" }, "properties.isEgress" = true }'
    sink = loader(f"{WSO2}{LOG}[bridge.sinks.moesif]\nonly = {only}\nexclude = {exclude}\n").sinks["moesif"]
    assert sink.only == {
        "eventType": ["fault"],
        "proxyResponseCode": ["500", "503"],
        "responseCacheHit": ["false"],
    }
    assert sink.exclude == {"properties.subtype": ["AIAPI"], "properties.isEgress": ["true"]}


@pytest.mark.parametrize("written", ['"fault"', "{ eventType = [] }"])
def test_filters_that_cannot_be_meant(loader: Loader, written: str) -> None:
    """A filter that is no table, or names no value, is a fault."""
    faults = loader.faults(f"{WSO2}{LOG}[bridge.sinks.moesif]\nonly = {written}\n")
    assert list(faults) == ["bridge.sinks.moesif.only"]


def test_wso2s_properties_and_masks_are_texts(loader: Loader) -> None:
    """WSO2's properties and masks are texts under dotted keys, quoted or not."""
    text = (
        f'{WSO2}send_headers = true\nqueue.size = 20\n"worker.thread.count" = 2\n'
        '[apim.analytics.mask]\nuserIp = "IPV4"\napi.ut.userName = "USERNAME"\nrequest_headers = ["a"]\n'
    )
    wso2 = loader(text + LOG).wso2
    assert wso2.properties == {
        "moesifKey": "k-e-y",
        "send_headers": "true",
        "queue.size": "20",
        "worker.thread.count": "2",
    }
    assert wso2.mask == {"userIp": "IPV4", "api.ut.userName": "USERNAME", "request_headers": '["a"]'}


def test_unknown_wso2_properties_are_warned_about(loader: Loader) -> None:
    """Keys that no release of WSO2 knows are WSO2's affair: a warning with the nearest, never a fault."""
    known = '"publisher.reporter12.class" = "x"\nthrift.host = "x"\nmoesif_old_url = "https://old"\n'
    settings = loader(f"{WSO2}{known}moesifkey = 'x'\n{LOG}[apim.other]\nx = 1\n")
    [warning] = settings.warnings
    assert warning.startswith(f"{loader.file}: apim.analytics.properties.moesifkey: ")
    assert 'did you mean "moesifKey"?' in warning


# -- faults


def test_all_faults_are_reported_together(loader: Loader) -> None:
    """One run tells an operator everything: each line has file, dotted key, what is wrong and the cure."""
    faults = loader.faults(
        """
[apim.analytics]
enable = "perhaps"
type = "moesif"
[apim.analytics.properties]
moesifKey = "$env{MOESIF_KEY}"
[bridge]
type = "moesif, archiv"
drian = "20s"
log_level = "LOUD"
gateway_url = "gw"
[bridge.sources.lgo]
[bridge.sources.log]
poll_interval = "soon"
[bridge.journal]
retian = "24h"
[bridge.delivery]
concurrency = 0
[bridge.sinks.moesif]
tls = { verfy = true }
[bridge.sinks.archive]
type = "file"
"""
    )
    assert {key: fault.split(";")[0] for key, fault in faults.items()} == {
        "apim.analytics.properties.moesifKey": "$env{MOESIF_KEY} is not set",
        "apim.analytics.enable": faults["apim.analytics.enable"].split(";")[0],
        "bridge.drian": "unknown key",
        "bridge.log_level": '"LOUD" is not one of "DEBUG", "INFO", "WARNING" or "ERROR"',
        "bridge.gateway_url": '"gw" is not a URL',
        "bridge.sources.lgo": "unknown source",
        "bridge.sources.log.paths": "is missing",
        "bridge.sources.log.poll_interval": '"soon" is not a duration',
        "bridge.journal.retian": "unknown key",
        "bridge.delivery.concurrency": "0 is not a whole number from 1 to 64",
        "bridge.sinks.moesif.tls.verfy": "unknown key",
        "bridge.type": 'unknown sink "archiv"',
    }
    assert faults["bridge.drian"].endswith('did you mean "drain"?')
    assert faults["bridge.journal.retian"].endswith('did you mean "retain"?')
    assert faults["bridge.sinks.moesif.tls.verfy"].endswith('did you mean "verify"?')
    assert faults["bridge.sources.lgo"].endswith('did you mean "log"?')
    assert all("; " in fault for fault in faults.values())


def test_our_own_keys_are_known(loader: Loader) -> None:
    """A slip in `sources` or `sinks` is answered with that word, and a strange key with all known ones."""
    faults = loader.faults(f"{WSO2}{LOG}[bridge.sink.x]\n[bridge.zzz]\n")
    assert faults["bridge.sink"].endswith('did you mean "sinks"?')
    assert "admin, analytics, api_metrics, delivery, drain" in faults["bridge.zzz"]


def test_missing_value_names_wso2s_key_too(loader: Loader) -> None:
    """A missing key that WSO2 has a name for is asked for under both names."""
    faults = loader.faults(WSO2.replace('moesifKey = "k-e-y"', "") + LOG)
    cure = "set moesifKey in [apim.analytics.properties] or key in [bridge.sinks.moesif]"
    assert faults == {"bridge.sinks.moesif.key": f"is missing; {cure}"}


def test_empty_secret(loader: Loader) -> None:
    """An empty secret is a fault at its place, in a list or a table, too."""
    assert list(loader.faults(WSO2.replace("k-e-y", " ") + LOG)) == ["apim.analytics.properties.moesifKey"]
    assert list(loader.faults(f'{WSO2}[bridge.sources.http]\ntokens = [""]\n')) == [
        "bridge.sources.http.tokens"
    ]
    text = f'[bridge]\ntype = "http"\n{LOG}[bridge.sinks.http]\nurl = "https://x"\ntokens = {{ A = "" }}\n'
    assert "an empty secret" in loader.faults(text)["bridge.sinks.http.tokens"]


def test_no_source(loader: Loader) -> None:
    """Without a source table nothing comes in: a fault with the tables to add."""
    assert "add [bridge.sources.log] or [bridge.sources.http]" in loader.faults(WSO2)["bridge.sources"]


def test_fault_of_a_whole_table(loader: Loader) -> None:
    """What a source says of its table as a whole is reported at the table."""
    fault = loader.faults(f'{WSO2}[bridge.sources.http]\nlisten = "0.0.0.0:9880"\n')["bridge.sources.http"]
    assert fault == "a listener for others needs tokens; set them, or listen on 127.0.0.1"


@pytest.mark.parametrize(
    "text",
    [
        "apim = 1\n[bridge.sources.log]\npaths = []",
        "bridge = 1",
        "[apim]\nanalytics = 1",
        f"{WSO2}[bridge]\nsources = 1",
        f"{WSO2}{LOG}[bridge]\nsinks = 1",
        f"{WSO2}{LOG}[bridge.sinks]\nmoesif = 1",
        f"{WSO2}[bridge.sources]\nlog = 1",
        f"{WSO2}{LOG}[bridge]\ndelivery = 1",
        f"{WSO2}{LOG}[bridge]\njournal = 1",
    ],
)
def test_value_where_a_table_belongs(loader: Loader, text: str) -> None:
    """A value in a table's place is a fault, never a traceback."""
    assert loader.faults(text)


@pytest.mark.parametrize(
    ("listen", "url", "own"),
    [
        ("127.0.0.1:9880", "http://localhost:9880", True),
        ("127.0.0.1:9880", "http://[::1]:9880/v1", True),
        ("0.0.0.0:80", "http://127.0.0.7/", True),
        ("127.0.0.1:9880", "http://127.0.0.1:9881", True),
        ("127.0.0.1:9880", "http://127.0.0.1:9882", False),
        ("127.0.0.1:9880", "https://api.moesif.net:9880", False),
        ("127.0.0.1:9880", "http://localhost:none", False),
    ],
)
def test_our_own_listener_is_no_destination(loader: Loader, listen: str, url: str, own: bool) -> None:
    """A sink's URL that leads back to a listener of ours is a fault at the key where the URL stands."""
    source = f'[bridge.sources.http]\nlisten = "{listen}"\ntokens = ["t"]\n'
    from_wso2 = f'{WSO2}moesif_base_url = "{url}"\n{source}'
    in_table = f'[bridge]\ntype = "http"\n{source}[bridge.sinks.http]\nurl = "{url}"\n'
    if not own:
        assert isinstance(loader(from_wso2).sources["http"], ToyListener)
        assert isinstance(loader(in_table).sinks["http"], ToyHttp)
        return
    fault = loader.faults(from_wso2)["apim.analytics.properties.moesif_base_url"]
    assert "is our own listener" in fault
    assert "set base_url in [bridge.sinks.moesif]" in fault
    assert "is our own listener" in loader.faults(in_table)["bridge.sinks.http.url"]
    both = f'{from_wso2}[bridge.sinks.moesif]\nbase_url = "{url}"\n'
    assert "is our own listener" in loader.faults(both)["bridge.sinks.moesif.base_url"]


def test_two_sinks_do_not_share_a_path(loader: Loader) -> None:
    """Two file sinks in one folder would write over each other: a fault, however the path is written."""
    text = f'[bridge]\ntype = "file, b"\n{LOG}[bridge.sinks.file]\npath = "/a/x"\n'
    second = '[bridge.sinks.b]\ntype = "file"\npath = '
    fault = loader.faults(f'{text}{second}"/a/../a/x/"\n')["bridge.sinks.b.path"]
    assert "is the path of [bridge.sinks.file] too" in fault
    assert list(loader(f'{text}{second}"/a/y"\n').sinks) == ["file", "b"]


def test_sources_of_one_kind_stand_beside_each_other(loader: Loader) -> None:
    """The name of a source is its type unless it says another one."""
    text = f'{WSO2}{LOG}[bridge.sources.audit]\ntype = "log"\npaths = ["/audit/*.log"]\n'
    settings = loader(f'{text}[bridge.sources.east]\ntype = "http"\nlisten = "127.0.0.1:1"\n')
    assert {name: source.type for name, source in settings.sources.items()} == {
        "log": "log",
        "audit": "log",
        "east": "http",
    }
    faults = loader.faults(
        f'{WSO2}[bridge.sources.audit]\ntype = "lgo"\n[bridge.sources.admin]\ntype = "log"\n'
    )
    assert faults["bridge.sources.audit.type"] == 'unknown kind of source "lgo"; did you mean "log"?'
    assert "give the source another name" in faults["bridge.sources.admin"]


def test_two_listeners_do_not_share_an_address(loader: Loader) -> None:
    """The second one is named, with the first; any free port (0) is never the same one."""
    tables = "".join(
        f'[bridge.sources.{name}]\ntype = "http"\nlisten = "{{}}"\ntokens = ["t"]\n'
        for name in ("east", "west")
    )
    text = WSO2 + tables
    for one, other in (("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:80", "192.0.2.1:80")):
        fault = loader.faults(text.format(one, other))["bridge.sources.west.listen"]
        assert fault.startswith(f"{other} is the address of bridge.sources.east.listen too; give each")
    for one, other in (
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:80", "[::1]:80"),
        ("127.0.0.1:80", "127.0.0.1:81"),
    ):
        loader(text.format(one, other))
    with_admin = f'{WSO2}[bridge.sources.http]\nlisten = "127.0.0.1:9881"\n'
    assert "bridge.sources.http.listen" in loader.faults(with_admin)["bridge.admin.listen"]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("/logs/a.log", "/logs/a.log", True),
        ("/logs/apim*.log", "/logs/apim_metrics.log", True),
        ("/logs/*.log", "/logs/apim*", True),
        ("/logs/[ab].log", "/logs/[bc].log", True),
        ("/*/a.log", "/logs/a.*", True),
        ("/**/a.log", "/logs/deep/a.log", True),
        ("/logs/a*", "/logs/b*", False),
        ("/logs/[ab].log", "/logs/[cd].log", False),
        ("/one/*.log", "/two/*.log", False),
    ],
)
def test_two_logs_do_not_share_a_file(one: str, other: str, shared: bool) -> None:
    """A log that two sources follow would be delivered twice: patterns that can match one file are a fault."""
    assert meet(one, other) == shared
    assert meet(other, one) == shared


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and a file that is not text are named with the cure."""
    (tmp_path / "latin").write_bytes(b'a = "\xe9"')
    for name, said in [("nope.toml", "no such file"), (".", "is a folder"), ("latin", "not UTF-8")]:
        with pytest.raises(SettingsError, match=said) as caught:
            load(tmp_path / name, sinks=SINKS, sources=SOURCES, environ={})
        assert str(tmp_path / name) in str(caught.value)
        assert "; " in str(caught.value)


def test_toml_syntax(loader: Loader) -> None:
    """A syntax error is reported with file, line and cure."""
    with pytest.raises(SettingsError) as caught:
        loader('[bridge]\ndrain = "20s"\nlog_level = INFO\n')
    assert str(caught.value).startswith(f"{loader.file}: line 3: ")
    assert "; correct the TOML there" in str(caught.value)


def test_fingerprint(loader: Loader) -> None:
    """The fingerprint is that of our tables as written: not of their order, of other tables or of any secret."""
    base = loader(WSO2 + LOG).fingerprint
    assert len(base) == 12
    assert loader(f"# a comment\n{LOG}{WSO2}[server]\nname = 'x'\n").fingerprint == base
    assert loader(f'{WSO2}[bridge]\ndrain = "21s"\n{LOG}').fingerprint != base
    secret = WSO2.replace("k-e-y", "$env{KEY}") + LOG
    assert loader(secret, KEY="one").fingerprint == loader(secret, KEY="another").fingerprint != base


def test_wso2s_side_loads() -> None:
    """config/deployment.toml, where WSO2 and the bridge share one file, is a working configuration."""
    settings = load(
        ROOT / "config" / "deployment.toml", sinks=SINKS, sources=SOURCES, environ={"MOESIF_KEY": "k"}
    )
    assert settings.wso2.type == ("elk",)
    assert (list(settings.sinks), list(settings.sources)) == (["moesif"], ["log"])
    assert settings.warnings == ()


def test_a_shared_log_is_named_with_both_patterns(loader: Loader) -> None:
    """The operator sees which two patterns match the same files, and in which tables they stand."""
    text = f'{WSO2}{LOG}[bridge.sources.audit]\ntype = "log"\npaths = ["/other/*.log", "/logs/*.log"]\n'
    assert loader.faults(text)["bridge.sources.audit.paths"] == (
        '"/logs/*.log" and "/logs/a.log" of [bridge.sources.log] match the same files; give each source logs of its own'
    )
