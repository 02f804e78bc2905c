"""The analytics in each form of deployment: as the child of a bridge, and as a process of its own."""

import asyncio
import configparser
import hashlib
import re
import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import kubernetes_validate
import pytest
import tomli
import yaml
from fakes.image_steps import read
from places import ROOT
from rigs.analytics_parts import scope_of
from rigs.daemon import Daemon, free_port
from rigs.deployment import (
    DEPLOY,
    KUBERNETES,
    SCHEMA,
    SYSTEMD,
    Document,
    analytics_settings,
    documents,
    merged,
    settings,
)
from rigs.scenes import write_log

from bridge.analytics.server.serving import serving
from bridge.app.analytics import END_SECONDS
from bridge.demo.gateway import make_lines
from bridge.document.units import parse_size
from bridge.settings import AnalyticsSettings, BridgeSettings, load_bridge
from bridge.sinks.analytics import AnalyticsSinkSettings

IMAGE = {stage.name: stage for stage in read(ROOT / "Dockerfile")}["analytics"]
TAG = f"{IMAGE.labels['org.opencontainers.image.version']}-analytics"
PORT = AnalyticsSettings().listen.port
APART = DEPLOY / "compose.analytics.yaml"
CHILD = DEPLOY / "compose.analytics-child.yaml"
CONFIGURATION = KUBERNETES / "analytics" / "analytics.toml"
# What the bridge alone may take in each form, and what the analytics process may.
BRIDGE_BYTES = 128 * 2**20
ANALYTICS_BYTES = 400_000_000


def secrets_of(text: str) -> set[str]:
    return set(re.findall(r"\$secret\{(\w+)\}", text))


def manifest(kind: str) -> Document:
    (found,) = (one for one in documents(KUBERNETES / "analytics" / "analytics.yaml") if one["kind"] == kind)
    return found


def container() -> Document:
    (found,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    result: Document = found
    return result


def unit(name: str) -> configparser.ConfigParser:
    """A unit's file; of a key that stands in it several times the last."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / name)
    return parser


def test_nobody_reads_or_sends_without_a_token(tmp_path: Path) -> None:
    """The process that containers show asks everybody: bridges for one token, people and Prometheus for another."""
    apart = analytics_settings(CONFIGURATION, tmp_path).analytics
    child = settings(DEPLOY / "compose" / "analytics-child" / "bridge.toml", tmp_path).analytics
    for found in (apart, child):
        assert found.listen.port == PORT
        assert not found.listen.is_loopback
        (sending, reading) = (set(token.scopes) for token in found.tokens.values())
        assert sending == {scope_of("POST", "/ingest")} == {scope_of("POST", "/account")}
        shown = [("GET", "/metrics"), ("POST", "/api/query"), ("GET", "/api/events"), ("GET", "/api/state")]
        assert reading == {scope_of(method, path) for method, path in shown}


@pytest.mark.parametrize("form", ["analytics", "analytics-child"])
def test_a_bridge_sends_with_the_token_that_is_asked_for(tmp_path: Path, form: str) -> None:
    """Moesif and the analytics get the same events; apart the sink's url is the service, a child's has none."""
    found = settings(DEPLOY / "compose" / form / "bridge.toml", tmp_path)
    assert set(found.sinks) == {"moesif", "analytics"}
    sink = found.sinks["analytics"]
    assert isinstance(sink, AnalyticsSinkSettings)
    assert sink.token is not None
    assert sink.url == (f"http://analytics:{PORT}" if form == "analytics" else None)
    assert sink.starts_analytics == (form == "analytics-child")


@pytest.mark.parametrize(("over", "name"), [(APART, "analytics"), (CHILD, "bridge")], ids=["apart", "child"])
def test_compose_shows_the_dashboard_to_this_machine_alone(over: Path, name: str) -> None:
    """The service has the image's other target, memory for DuckDB, its secrets, and a port on loopback."""
    compose = merged(over)
    service = compose["services"][name]
    assert service["image"] == f"apim-bridge:{TAG}"
    assert service["build"]["target"] == "analytics"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    needed = ANALYTICS_BYTES + (BRIDGE_BYTES if name == "bridge" else 0)
    assert parse_size(f"{service['mem_limit'].upper()}iB") >= needed
    source = compose["configs"][service["configs"][0]["source"]]["file"]
    assert secrets_of((DEPLOY / source).read_text()) == set(service["secrets"]) <= set(compose["secrets"])
    assert [mount.split(":")[1] for mount in service["volumes"] if isinstance(mount, str)] == IMAGE.volumes
    # A token and its hash are made together, by the file's own first lines.
    made = {f"analytics_{use}{form}" for use in ("ingest", "read") for form in ("", "_sha256")}
    assert set(yaml.safe_load(over.read_text())["secrets"]) == made


def test_compose_asks_the_process_that_runs_alone_for_its_health() -> None:
    """The image's own check asks a daemon, which is not there."""
    service = merged(APART)["services"]["analytics"]
    assert service["command"] == ["analytics"]
    assert service["healthcheck"]["test"] == ["CMD", *IMAGE.health_check[:-1], f"127.0.0.1:{PORT}"]


@pytest.mark.parametrize("over", [APART, CHILD], ids=["apart", "child"])
def test_prometheus_reads_the_analytics_with_the_readers_token(over: Path) -> None:
    """One more job than without analytics, by a name that is in compose's network in both forms."""
    compose = merged(over)
    file = DEPLOY / compose["configs"]["prometheus"]["file"]
    (bridge, analytics) = yaml.safe_load(file.read_text())["scrape_configs"]
    plain = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    assert [bridge] == plain
    assert analytics["job_name"] == "apim-bridge-analytics"
    assert analytics["static_configs"] == [{"targets": [f"analytics:{PORT}"]}]
    aliases = compose["services"]["bridge"].get("networks", {}).get("default", {}).get("aliases", [])
    assert ("analytics" in compose["services"]) != ("analytics" in aliases)
    token = Path(analytics["authorization"]["credentials_file"])
    assert token.name in compose["services"]["prometheus"]["secrets"]


def test_the_manifests_fit_their_schema() -> None:
    """Each resource is valid by Kubernetes' own schema, with no key that it does not know."""
    for name in ("analytics.yaml", "network-policy.yaml", "ingress.yaml"):
        for document in documents(KUBERNETES / "analytics" / name):
            kubernetes_validate.validate(document, SCHEMA, strict=True)


def test_the_stateful_set_runs_one_process_over_one_volume(tmp_path: Path) -> None:
    """Configuration, secrets, ports, volume and memory are those of the process, which is locked down."""
    found, pod = container(), manifest("StatefulSet")["spec"]["template"]["spec"]
    assert manifest("StatefulSet")["spec"]["replicas"] == 1
    assert found["args"] == ["analytics"]
    process = analytics_settings(CONFIGURATION, tmp_path)
    mounts = {mount["name"]: mount["mountPath"] for mount in found["volumeMounts"]}
    assert f"{mounts['config']}/bridge.toml" == IMAGE.environment["APIM_BRIDGE_CONFIG"]
    assert [mounts["store"]] == IMAGE.volumes == [str(process.state_dir)]
    assert mounts["secrets"] == str(BridgeSettings().secrets_dir)
    (claim,) = manifest("StatefulSet")["spec"]["volumeClaimTemplates"]
    room = claim["spec"]["resources"]["requests"]["storage"]
    assert parse_size(f"{room}B") >= 2 * process.analytics.max_bytes
    assert {*mounts} == {claim["metadata"]["name"], *(volume["name"] for volume in pod["volumes"])}
    assert parse_size(f"{found['resources']['limits']['memory']}B") >= ANALYTICS_BYTES
    (sidecar,) = documents(KUBERNETES / "sidecar" / "sidecar.yaml")
    (bridge,) = sidecar["spec"]["template"]["spec"]["initContainers"]
    assert found["securityContext"] == bridge["securityContext"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert found[name]["httpGet"] == {"path": "/health", "port": "analytics"}
    assert scope_of("GET", "/health") is None


def test_who_may_reach_the_process() -> None:
    """The service, the policy, the ingress and both ways to scrape are about the pod's own label and port."""
    (port,) = container()["ports"]
    assert port["containerPort"] == PORT
    labels = manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    service = manifest("Service")
    assert service["spec"]["selector"] == labels
    assert [given["port"] for given in service["spec"]["ports"]] == [PORT]
    (policy,) = documents(KUBERNETES / "analytics" / "network-policy.yaml")
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"port": PORT}]
    assert rule["from"]
    assert not policy["spec"].get("egress")
    (ingress,) = documents(KUBERNETES / "analytics" / "ingress.yaml")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert ingress["spec"]["tls"][0]["hosts"] == [ingress["spec"]["rules"][0]["host"]]
    (monitor,) = documents(KUBERNETES / "analytics" / "pod-monitor.yaml")
    assert monitor["spec"]["selector"]["matchLabels"] == labels
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == port["name"]
    (_, scrape) = documents(KUBERNETES / "prometheus.yml")[0]["scrape_configs"]
    kept = [rule["regex"] for rule in scrape["relabel_configs"] if "regex" in rule]
    assert kept == [labels["apim-bridge"], port["name"]]
    # The operator's job is NAMESPACE/NAME; the rules go by this part of it.
    assert scrape["job_name"] == monitor["metadata"]["name"] == "apim-bridge-analytics"


@pytest.mark.parametrize("form", ["analytics", "analytics-child"])
def test_kustomize_makes_valid_resources(tmp_path: Path, form: str) -> None:
    """Kustomize makes the process of its own, and the sidecar with a child: valid, with the image's other target."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes" / ("base" if form == "analytics-child" else form)
    if form == "analytics-child":
        file = folder / "kustomization.yaml"
        file.write_text(
            file.read_text().replace("  - ../sidecar\n", "  - ../sidecar\n  - ../analytics-child\n")
        )
    made = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True)
    resources = [document for document in yaml.safe_load_all(made.stdout) if document]
    for document in resources:
        kubernetes_validate.validate(document, SCHEMA, strict=True)
    (workload,) = (one for one in resources if one["kind"] == "StatefulSet")
    pod = workload["spec"]["template"]["spec"]
    (found,) = pod["initContainers"] if form == "analytics-child" else pod["containers"]
    assert found["image"] == f"apim-bridge:{TAG}"
    needed = ANALYTICS_BYTES + (BRIDGE_BYTES if form == "analytics-child" else 0)
    assert parse_size(f"{found['resources']['limits']['memory']}B") >= needed
    configs = {one["metadata"]["name"]: one["data"] for one in resources if one["kind"] == "ConfigMap"}
    named = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    assert named <= set(configs)
    assert "bridge.toml" in configs[next(name for name in named if name.startswith("apim-bridge"))]


def test_the_page_on_kubernetes_shows_how_to_send(tmp_path: Path) -> None:
    """The configuration in the README sends to the service, with the token of the secret that it names."""
    text = (KUBERNETES / "README.md").read_text()
    (block,) = (block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "analytics" in block)
    added = tomli.loads(block)
    assert added["apim"]["analytics"]["type"] == "moesif, analytics"
    base = (KUBERNETES / "base" / "bridge.toml").read_text()
    (tmp_path / "whole.toml").write_text(
        base.replace('type = "moesif"', 'type = "moesif, analytics"') + block.partition("\n\n")[2]
    )
    sink = settings(tmp_path / "whole.toml", tmp_path).sinks["analytics"]
    assert isinstance(sink, AnalyticsSinkSettings)
    assert sink.url == f"http://{manifest('Service')['metadata']['name']}.NAMESPACE:{PORT}"
    assert secrets_of(block) == {"analytics_ingest"}
    assert "analytics_ingest=" in text


def test_the_unit_of_the_process_agrees_with_the_bridges() -> None:
    """It is as locked down as the bridge, and has a state folder, secrets and memory of its own."""
    bridge, analytics = (
        unit("apim-bridge.service")["Service"],
        unit("apim-bridge-analytics.service")["Service"],
    )
    guards = {
        key for key in bridge if key.startswith(("Protect", "Private", "Restrict", "System", "Capability"))
    }
    assert guards - {"RestartPreventExitStatus"} <= set(analytics)
    assert analytics["NoNewPrivileges"] == analytics["DynamicUser"] == "true"
    assert analytics["StateDirectory"] != bridge["StateDirectory"]
    assert analytics["RestartPreventExitStatus"] == "2"
    assert analytics["Restart"] == "always"
    assert parse_size(f"{analytics['MemoryMax']}iB") >= ANALYTICS_BYTES
    program, command, *_ = analytics["ExecStart"].split()
    assert (program, command) == (bridge["ExecStart"].split()[0], "analytics")
    text = (SYSTEMD / "apim-bridge-analytics.service").read_text()
    assert f'state_dir = "/var/lib/{analytics["StateDirectory"]}"' in text
    for name in secrets_of(CONFIGURATION.read_text()):
        assert f"LoadCredential={name}:" in text


def test_the_unit_of_a_bridge_with_a_child_has_room_for_both() -> None:
    """The child lives in the bridge's unit: it is ended by the bridge, in the time that both need."""
    bridge, both = (
        unit("apim-bridge.service")["Service"],
        unit("apim-bridge.service.d/analytics.conf")["Service"],
    )
    assert bridge["KillMode"] == "mixed"
    assert parse_size(f"{both['MemoryMax']}iB") >= parse_size(f"{bridge['MemoryMax']}iB") + ANALYTICS_BYTES
    assert int(both["TimeoutStopSec"]) > BridgeSettings().drain + END_SECONDS


def test_a_container_with_a_child_has_time_to_stop() -> None:
    """Compose and Kubernetes wait for the drain and for the child."""
    needed = BridgeSettings().drain + END_SECONDS
    assert int(merged(CHILD)["services"]["bridge"]["stop_grace_period"].removesuffix("s")) > needed
    (sidecar,) = documents(KUBERNETES / "sidecar" / "sidecar.yaml")
    assert sidecar["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 60 + needed


@pytest.mark.parametrize("form", ["analytics", "analytics-child"])
async def test_events_get_into_the_dashboard_behind_tokens(tmp_path: Path, form: str) -> None:
    """The configurations of compose, run: events come in with one token and are seen with the other, not without."""
    files = {
        "analytics": (DEPLOY / "compose" / "analytics" / "bridge.toml", CONFIGURATION),
        "analytics-child": (DEPLOY / "compose" / "analytics-child" / "bridge.toml",) * 2,
    }
    port = free_port()
    bridge, process = (_here(tmp_path, file.read_text(), port) for file in files[form])
    write_log(tmp_path, make_lines(20, seed=4))
    async with AsyncExitStack() as stack:
        if form == "analytics":
            (tmp_path / "analytics.toml").write_text(process)
            await stack.enter_async_context(serving(load_bridge(tmp_path / "analytics.toml", {})))
        daemon = await stack.enter_async_context(Daemon(tmp_path, bridge))
        await daemon.until(lambda now: bool(now.get("analytics", {"running": True})["running"]))
        client = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        async with client.get("/api/state") as answer:
            assert answer.status == 401
        client.headers["Authorization"] = f"Bearer {_token('analytics_read')}"
        async with asyncio.timeout(30):
            while True:
                async with client.get("/api/state") as answer:
                    assert answer.status == 200
                    state = await answer.json()
                if state["books"]["taken"] == 20 and state["books"]["missing"] == 0:
                    break
                await asyncio.sleep(0.1)
        async with client.get("/metrics") as answer:
            assert answer.status == 200
        async with client.post("/ingest", data=b"[]") as answer:
            assert answer.status == 403


def _here(folder: Path, text: str, port: int) -> str:
    """Return a configuration with the folders, ports and secrets of this test."""
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    for name in secrets_of(text):
        token = _token(name.removesuffix("_sha256"))
        digest = hashlib.sha256(token.encode()).hexdigest()
        (secrets / name).write_text(digest if name.endswith("_sha256") else token)
    for written, here in (
        ("[bridge]\n", f'[bridge]\nsecrets_dir = "{secrets}"\nstate_dir = "{folder}/state"\ndrain = "1s"\n'),
        ("/var/log/wso2am", f"{folder}/logs"),
        ("0.0.0.0:9881", "127.0.0.1:0"),
        (f"0.0.0.0:{PORT}", f"127.0.0.1:{port}"),
        (f"http://analytics:{PORT}", f"http://127.0.0.1:{port}"),
    ):
        text = text.replace(written, here)
    # Nobody is there.
    return f'{text}\n[bridge.sinks.moesif]\nbase_url = "http://127.0.0.1:9"\n' if "moesif" in text else text


def _token(name: str) -> str:
    return f"{name:-<60}"
