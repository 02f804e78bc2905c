"""The files beside the image: compose, Kubernetes and systemd, against their schemas, each other and the settings."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import tomli
import yaml
from fakes.image_steps import read
from places import ROOT
from rigs.deployment import (
    COMPOSE,
    DEPLOY,
    KUBERNETES,
    OVERLAYS,
    SCHEMA,
    SYSTEMD,
    Document,
    documents,
    merged,
    settings,
)

from bridge.settings import AdminSettings
from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.log.settings import LogSourceSettings
from bridge.web.admin import STUCK_SECONDS

STAGES = {stage.name: stage for stage in read(ROOT / "Dockerfile")}
IMAGE = STAGES["sidecar"]
BRIDGE_FILES = sorted(DEPLOY.rglob("bridge.toml"))
CHART = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway-deployment}
spec:
  selector: {matchLabels: {deployment: gateway}}
  template:
    metadata: {labels: {deployment: gateway}}
    spec:
      containers: [{name: wso2am-gateway, image: "wso2/wso2am-universal-gw:4.7.0"}]
      volumes: [{name: conf, configMap: {name: conf}}]
"""


@pytest.mark.parametrize("path", [COMPOSE, *OVERLAYS], ids=lambda path: path.name)
def test_compose_files_fit_their_schema(path: Path) -> None:
    """Each file is valid by the Compose specification's schema, which check-jsonschema brings."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    outcome = subprocess.run(check, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("over", [None, *OVERLAYS], ids=lambda path: path and path.name)
def test_compose_runs_the_bridge_as_the_image_asks(over: Path | None) -> None:
    """Read-only, without capabilities, with its state in a volume, its configuration and secrets as files."""
    compose = merged(over)
    bridge = compose["services"]["bridge"]
    assert bridge["read_only"]
    assert bridge["cap_drop"] == ["ALL"]
    mounts = [mount.split(":") for mount in bridge["volumes"] if isinstance(mount, str)]
    assert [target for _, target in mounts] == IMAGE.volumes
    assert bridge["configs"][0]["target"] == IMAGE.environment["APIM_BRIDGE_CONFIG"]
    shared = next(mount for mount in bridge["volumes"] if isinstance(mount, dict))
    assert shared["read_only"]
    assert shared["volume"]["nocopy"]
    # The gateway starts after the bridge and stops before it.
    assert compose["services"]["gateway"]["depends_on"] == ["bridge"]
    wanted = set(re.findall(r"\$secret\{(\w+)\}", _file(compose["configs"]["bridge"]).read_text()))
    assert wanted == set(bridge["secrets"])
    assert wanted <= set(compose["secrets"])


@pytest.mark.parametrize("over", [None, *OVERLAYS], ids=lambda path: path and path.name)
def test_compose_refers_to_files_that_are_there(over: Path | None) -> None:
    """Every configuration and folder that is mounted exists; secrets are made by the reader, where git ignores them."""
    compose = merged(over)
    for entry in compose["configs"].values():
        assert _file(entry).is_file(), entry
    mounted = [
        mount.split(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
        if isinstance(mount, str) and mount.startswith(".")
    ]
    assert mounted
    for path in mounted:
        assert (DEPLOY / path).exists(), path
    built = [service["build"] for service in compose["services"].values() if "build" in service]
    for build in built:
        assert (DEPLOY / build["context"] / "Dockerfile").is_file()
        assert build["target"] in STAGES
    for entry in compose["secrets"].values():
        assert entry["file"].startswith("secrets/")
    assert (DEPLOY / "secrets" / ".gitignore").read_text().splitlines()[1] == "*"


@pytest.mark.parametrize("path", BRIDGE_FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_bridge_configurations_load(path: Path, tmp_path: Path) -> None:
    """Each bridge.toml is read by the bridge's own loader, without a warning, and keeps to the image's paths."""
    found = settings(path, tmp_path)
    assert found.warnings == ()
    assert set(found.sinks) - {"analytics"} == {"moesif"}
    assert str(found.state_dir) == IMAGE.volumes[0]
    assert found.admin.listen.port in IMAGE.ports


@pytest.mark.parametrize(
    "path", [KUBERNETES / "base" / "deployment.toml", DEPLOY / "compose" / "deployment.toml"]
)
def test_gateway_configurations_fit_the_bridge_beside_them(path: Path, tmp_path: Path) -> None:
    """What the gateway writes or sends is what the bridge in the same folder reads or takes."""
    analytics = tomli.loads(path.read_text())["apim"]["analytics"]
    bridge = settings(path.with_name("bridge.toml"), tmp_path)
    assert analytics["enable"]
    if analytics["type"] == "elk":
        log = bridge.sources["log"]
        assert isinstance(log, LogSourceSettings)
        assert log.paths == ("/var/log/wso2am/apim_metrics*.log",)
    else:
        http = bridge.sources["http"]
        assert isinstance(http, HttpSourceSettings)
        assert analytics["type"] == "moesif"
        assert analytics["properties"]["moesif_base_url"] == f"http://bridge:{http.listen.port}"


def test_the_whole_configuration_of_the_gateway_is_the_same_in_both_ways() -> None:
    """The two deployment.toml differ in [apim.analytics] alone."""
    one, other = (
        tomli.loads((folder / "deployment.toml").read_text())
        for folder in (KUBERNETES / "base", DEPLOY / "compose")
    )
    del one["apim"]["analytics"], other["apim"]["analytics"]
    assert one == other


@pytest.mark.parametrize(
    "path",
    [KUBERNETES / "base" / "gateway.yaml", KUBERNETES / "sidecar" / "network-policy.yaml"],
    ids=lambda p: p.name,
)
def test_kubernetes_resources_fit_their_schema(path: Path) -> None:
    """Each resource is valid by Kubernetes' own schema, with no key that it does not know."""
    for document in documents(path):
        kubernetes_validate.validate(document, SCHEMA, strict=True)


def test_the_sidecar_fits_the_schema_of_a_pod(tmp_path: Path) -> None:
    """What the component adds is valid in a pod, and what it names is there: paths, ports, volumes, probes."""
    template = _sidecar()["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gateway", **template["metadata"]},
        "spec": {"containers": [{"name": "gateway", "image": "gateway"}], **template["spec"]},
    }
    kubernetes_validate.validate(pod, SCHEMA, strict=True)
    container = template["spec"]["initContainers"][0]
    found = settings(KUBERNETES / "base" / "bridge.toml", tmp_path)
    (port,) = container["ports"]
    assert port["containerPort"] == found.admin.listen.port
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"] for volume in template["spec"]["volumes"]}
    assert set(mounts) == volumes | {"apim-bridge-state"}
    assert mounts["apim-bridge-state"]["mountPath"] == str(found.state_dir)
    assert mounts["apim-bridge-secrets"]["mountPath"] == "/run/secrets"
    assert (
        f"{mounts['apim-bridge-config']['mountPath']}/bridge.toml" == IMAGE.environment["APIM_BRIDGE_CONFIG"]
    )
    assert all(mount["readOnly"] for name, mount in mounts.items() if name != "apim-bridge-state")
    log = found.sources["log"]
    assert isinstance(log, LogSourceSettings)
    assert {str(Path(pattern).parent) for pattern in log.paths} == {mounts["gateway-logs"]["mountPath"]}
    assert template["spec"]["terminationGracePeriodSeconds"] >= 60 + found.drain


def test_no_state_of_a_sink_fails_a_probe() -> None:
    """P6: the one probe is /healthz; a sink that is down, or the journal it filled, takes no gateway out of service."""
    container = _sidecar()["spec"]["template"]["spec"]["initContainers"][0]
    probes = {name: probe for name, probe in container.items() if name.endswith("Probe")}
    assert [(name, probe["httpGet"]["path"]) for name, probe in probes.items()] == [
        ("livenessProbe", "/healthz")
    ]
    assert container["restartPolicy"] == "Always"


def test_the_sidecar_is_locked_down() -> None:
    """It runs as the image's user, cannot become another, and writes nowhere but to its volume."""
    container = _sidecar()["spec"]["template"]["spec"]["initContainers"][0]
    security = container["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == IMAGE.user
    assert security["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_kustomizations_name_files_that_are_there() -> None:
    """Every file and folder in a kustomization exists, but for the chart's rendering, which the operator brings."""
    for path in KUBERNETES.rglob("kustomization.yaml"):
        (kustomization,) = documents(path)
        named = [
            *kustomization.get("resources", []),
            *kustomization.get("components", []),
            *(patch["path"] for patch in kustomization.get("patches", [])),
            *(
                file.rpartition("=")[2]
                for made in kustomization.get("configMapGenerator", [])
                for file in made["files"]
            ),
        ]
        for name in named:
            assert name == "chart.yaml" or (path.parent / name).exists(), f"{path}: {name}"


def test_prometheus_finds_the_port_by_its_name() -> None:
    """PodMonitor, scrape configuration and network policy are about the sidecar's own port and label."""
    template = _sidecar()["spec"]["template"]
    (port,) = template["spec"]["initContainers"][0]["ports"]
    (monitor,) = documents(KUBERNETES / "sidecar" / "pod-monitor.yaml")
    (policy,) = documents(KUBERNETES / "sidecar" / "network-policy.yaml")
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == port["name"]
    (scrape, _) = documents(KUBERNETES / "prometheus.yml")[0]["scrape_configs"]
    kept = {rule["source_labels"][0]: rule["regex"] for rule in scrape["relabel_configs"] if "regex" in rule}
    assert kept == {
        "__meta_kubernetes_pod_label_apim_bridge": template["metadata"]["labels"]["apim-bridge"],
        "__meta_kubernetes_pod_container_port_name": port["name"],
    }
    # The operator's job is NAMESPACE/NAME; the rules go by this part of it.
    for job in (f"gateways/{monitor['metadata']['name']}", scrape["job_name"]):
        assert re.fullmatch(".*apim-bridge.*", job)
    for selector in (monitor["spec"]["selector"], policy["spec"]["podSelector"]):
        assert selector["matchLabels"].items() <= template["metadata"]["labels"].items()
    guarded = [rule for rule in policy["spec"]["ingress"] if {"port": port["containerPort"]} in rule["ports"]]
    assert all(rule.get("from") for rule in guarded)


@pytest.mark.parametrize("form", ["base", "helm"])
def test_kustomize_makes_a_valid_pod(tmp_path: Path, form: str) -> None:
    """Kustomize puts the sidecar into the gateway's pod; the whole is valid by the schema."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes" / form
    command = [str(folder / "post-render.sh")] if form == "helm" else [kubectl, "kustomize", str(folder)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True, input=CHART)
    resources = [document for document in yaml.safe_load_all(outcome.stdout) if document]
    for document in resources:
        kubernetes_validate.validate(document, SCHEMA, strict=True)
    (workload,) = (one for one in resources if one["kind"] in {"Deployment", "StatefulSet"})
    pod = workload["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    for container in (*pod["initContainers"], *pod["containers"]):
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes
    assert (
        pod["initContainers"][0]["image"] == f"apim-bridge:{IMAGE.labels['org.opencontainers.image.version']}"
    )
    assert not (folder / "chart.yaml").exists()


def test_values_for_the_chart_point_to_the_bridge(tmp_path: Path) -> None:
    """WSO2's publisher in the chart sends to where the bridge of the same pod listens."""
    (values,) = documents(KUBERNETES / "helm" / "values.yaml")
    http = settings(KUBERNETES / "helm" / "bridge.toml", tmp_path).sources["http"]
    assert isinstance(http, HttpSourceSettings)
    assert values["wso2"]["moesifAnalytics"]["moesif_base_url"] == f"http://{http.listen}"


def test_the_units_are_understood_by_systemd(tmp_path: Path) -> None:
    """Each word of the units is known to systemd, which rates their exposure as low."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for file in (file for file in SYSTEMD.rglob("*") if file.is_file()):
        copy = tmp_path / file.relative_to(SYSTEMD)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text().replace("/opt/apim-bridge/bin/apim-bridge", sys.executable))
    units = sorted(str(file) for file in tmp_path.iterdir() if file.is_file())
    checked = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    for service in (unit for unit in units if unit.endswith(".service")):
        rate = ["systemd-analyze", "security", "--offline=true", "--threshold=20", service]
        rated = subprocess.run(rate, capture_output=True, text=True, check=False)
        assert rated.returncode == 0, rated.stdout


def test_the_unit_agrees_with_the_settings() -> None:
    """State folder, exit code, time to stop, readiness, reload and sockets are those of the daemon."""
    unit = dict(_unit("apim-bridge.service"))
    assert f"/var/lib/{unit['StateDirectory']}" == IMAGE.volumes[0]
    assert unit["RestartPreventExitStatus"] == "2"
    assert int(unit["TimeoutStopSec"]) > 20
    configuration = IMAGE.environment["APIM_BRIDGE_CONFIG"]
    assert unit["ExecStart"].endswith(f" run --config {configuration}")
    assert unit["ExecReload"].endswith(f" reload --config {configuration}")
    assert unit["Type"] == "notify"
    # It reassures systemd twice in this time; a writer counts as stuck after STUCK_SECONDS.
    assert int(unit["WatchdogSec"]) >= STUCK_SECONDS
    sockets = {
        "apim-bridge.socket": HttpSourceSettings().listen,
        "apim-bridge-admin.socket": AdminSettings().listen,
    }
    names = []
    for file, address in sockets.items():
        socket = dict(_unit(file))
        assert socket["ListenStream"] == str(address)
        names.append(socket["FileDescriptorName"])
    assert names == ["http", "admin"]
    assert dict(_unit("apim-bridge-admin.socket"))["Service"] == "apim-bridge.service"


def _file(entry: Document) -> Path:
    return DEPLOY / str(entry["file"])


def _sidecar() -> Document:
    (patch,) = documents(KUBERNETES / "sidecar" / "sidecar.yaml")
    return patch


def _unit(file: str) -> Iterator[tuple[str, str]]:
    for line in (SYSTEMD / file).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield key, value
