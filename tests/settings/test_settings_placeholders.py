"""$env, $secret and $ref: where they are resolved, and what is said when they cannot be."""

from pathlib import Path

import pytest
from fakes.settings_toys import LOG, WSO2, Loader, ToyMoesif

from bridge.settings import Settings


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def _key(settings: Settings) -> str:
    sink = settings.sinks["moesif"]
    assert isinstance(sink, ToyMoesif)
    return sink.key.get_secret_value()


def _with_key(text: str, rest: str = "") -> str:
    return f'{WSO2.replace("k-e-y", text)}[bridge]\nsecrets_dir = "SECRETS"\n{LOG}{rest}'


def _load(loader: Loader, text: str, **environ: str) -> Settings:
    return loader(text.replace("SECRETS", str(loader.secrets)), **environ)


def _fault(loader: Loader, text: str, **environ: str) -> str:
    faults = loader.faults(text.replace("SECRETS", str(loader.secrets)), **environ)
    assert list(faults) == ["apim.analytics.properties.moesifKey"]
    return faults["apim.analytics.properties.moesifKey"]


def test_environment(loader: Loader) -> None:
    """$env{NAME} is the variable's value, whole or inside a text, and is not read again."""
    assert _key(_load(loader, _with_key("$env{K}"), K="abc")) == "abc"
    assert _key(_load(loader, _with_key("a-$env{K}-$env{K}"), K="$ref{x}")) == "a-$ref{x}-$ref{x}"


def test_secret(loader: Loader) -> None:
    """$secret{name} is a file under secrets_dir without its trailing newline, also in a folder below."""
    (loader.secrets / "below").mkdir()
    (loader.secrets / "below" / "key").write_text(" s3cret \r\n")
    assert _key(_load(loader, _with_key("$secret{below/key}"))) == " s3cret "


def test_reference(loader: Loader) -> None:
    """$ref{a.b} is another key of the file, nested, of any section, as it is or inside a text."""
    rest = '[other]\na = "$ref{other.b}!"\nb = "$env{K}"\nn = 7\nyes = true\n"dotted.key" = "d"\n'
    for written, key in [
        ("$ref{other.a}", "abc!"),
        ("n$ref{other.n}", "n7"),
        ("$ref{other.yes}-x", "true-x"),
        ("$ref{other.dotted.key}", "d"),
    ]:
        assert _key(_load(loader, _with_key(written, rest), K="abc")) == key
    settings = loader(f"{WSO2}{LOG}[bridge.journal]\nmax_bytes = '$ref{{x.n}}'\n[x]\nn = 4096\nl = [1]\n")
    assert settings.journal.max_bytes == 4096


def test_reference_to_a_list(loader: Loader) -> None:
    """A $ref to a list is that list, with its own placeholders resolved."""
    text = f'{WSO2}[bridge.sources.log]\npaths = "$ref{{x.logs}}"\n[x]\nlogs = ["$env{{HOME}}/a", "/b"]\n'
    assert loader(text, HOME="/home/w").sources["log"].model_dump()["paths"] == ["/home/w/a", "/b"]


def test_everywhere(loader: Loader) -> None:
    """Lists, inner tables and secrets_dir itself are resolved."""
    (loader.secrets / "token").write_text("t0ken\n")
    text = (
        f'{WSO2}[bridge]\nsecrets_dir = "$env{{DIR}}"\n[bridge.sources.http]\ntokens = ["$secret{{token}}"]\n'
        '[bridge.sinks.moesif]\nonly = { apiName = ["$env{API}"] }\n'
    )
    settings = loader(text, DIR=str(loader.secrets), API="Pizza")
    assert settings.sinks["moesif"].only == {"apiName": ["Pizza"]}
    assert settings.sources["http"].model_dump()["tokens"][0].get_secret_value() == "t0ken"


def test_properties_that_only_wso2_reads_need_not_resolve(loader: Loader) -> None:
    """A secret of WSO2's own that the bridge cannot read does not keep the two from sharing one file."""
    text = WSO2 + 'keystore_password = "$secret{keystore}"\n[bridge]\n' + LOG
    assert _key(_load(loader, text)) == "k-e-y"


def test_other_sections_are_left_alone(loader: Loader) -> None:
    """Sections that are not ours are neither checked nor resolved, nor are WSO2's $sys{…} and ${…}."""
    settings = loader(f'{WSO2}x = "$sys{{carbon.home}}/${{b}}"\n{LOG}[server]\nhost = "$env{{NOT_SET}}"\n')
    assert settings.wso2.properties["x"] == "$sys{carbon.home}/${b}"


@pytest.mark.parametrize(
    ("written", "problem", "cure"),
    [
        ("$env{MOESIF_KEY}", "$env{MOESIF_KEY} is not set", "set the environment variable MOESIF_KEY"),
        ("$env{EMPTY}", "$env{EMPTY} is empty", "set the environment variable EMPTY"),
        ("$secret{nope}", "/secrets/nope: No such file", "write the secret into "),
        ("$secret{empty}", "/secrets/empty is empty", "write the secret into "),
        ("$secret{binary}", "/secrets/binary is not UTF-8", "write the secret into "),
        ("$secret{../bridge.toml}", "leaves ", "name a file in that folder"),
        ("$secret{/etc/passwd}", "leaves ", "name a file in that folder"),
        ("$ref{other.keyy}", "names no key of this file", 'did you mean "other.key"?'),
        ("$ref{other}", "is a table", "name one of its keys"),
        (
            "$ref{other.a}",
            "leads back to itself ($ref{other.a} -> $ref{other.b} -> $ref{other.a})",
            "write the value",
        ),
        ("$ref{apim.analytics.properties.moesifKey}", "leads back to itself", "write the value"),
        ("$ref{other.key}", "$env{DEEP} is not set", "set the environment variable DEEP"),
        ("x $env{OPEN", "$env{OPEN is not finished", "write it like $env{name}"),
        ("$secret{}", "$secret{} is not finished", "write it like $secret{name}"),
    ],
)
def test_unresolvable(loader: Loader, written: str, problem: str, cure: str) -> None:
    """What cannot be resolved is one fault that names file, key, placeholder and cure."""
    (loader.secrets / "empty").write_text("\n")
    (loader.secrets / "binary").write_bytes(b"\xff")
    rest = '[other]\nkey = "$env{DEEP}"\na = "$ref{other.b}"\nb = "$ref{other.a}"\n'
    fault = _fault(loader, _with_key(written, rest), EMPTY="  ")
    assert problem in fault
    assert cure in fault


def test_secrets_dir_is_no_secret(loader: Loader) -> None:
    """secrets_dir cannot come from a secret itself."""
    faults = loader.faults(f'{WSO2}[bridge]\nsecrets_dir = "$secret{{dir}}"\n{LOG}')
    assert "$secret{dir} cannot say where secrets are" in faults["bridge.secrets_dir"]


def test_placeholder_in_a_list_is_named_by_its_place(loader: Loader) -> None:
    """The key of a fault leads to the item of a list."""
    faults = loader.faults(f'{WSO2}[bridge.sources.http]\ntokens = ["a", "$env{{T}}"]\n')
    assert list(faults) == ["bridge.sources.http.tokens[1]"]


def test_faulty_value_hides_what_a_placeholder_stood_for(loader: Loader) -> None:
    """A secret in the wrong place is not shown: the message has the placeholder instead."""
    (loader.secrets / "key").write_text("hunter2\n")
    text = _with_key("k", '[bridge.journal]\nretain = "$secret{key}"\n').replace(
        "SECRETS", str(loader.secrets)
    )
    faults = loader.faults(text)
    assert "hunter2" not in str(faults)
    assert '"$secret{key}" is not a duration' in faults["bridge.journal.retain"]
