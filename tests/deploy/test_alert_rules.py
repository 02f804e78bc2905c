"""The files for Prometheus: they hold at their real spans of time, and agree with metrics and runbook."""

import re
import subprocess

from fakes.metric_names import known_metrics, used_metrics
from fakes.prometheus import DEPLOY, RULES, needs_prometheus

RUNBOOK = (DEPLOY.parent / "docs" / "runbook.md").read_text()


@needs_prometheus
def test_promtool_finds_nothing_wrong() -> None:
    """Configuration and rules pass Prometheus' own check."""
    for what, file in (("config", "prometheus.yml"), ("rules", "rules.yml")):
        subprocess.run(
            ["promtool", "check", what, file], cwd=RULES.parent, check=True, capture_output=True, text=True
        )


@needs_prometheus
def test_alerts_fire_and_resolve_at_their_real_times() -> None:
    """Hours of outage, backlog, full journal and lost logs, as series: each alert comes, and goes."""
    ran = subprocess.run(
        ["promtool", "test", "rules", "rules_test.yml"],
        cwd=RULES.parent,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_rules_use_metrics_that_there_are() -> None:
    """No rule waits for a metric that the bridge does not expose."""
    assert used_metrics(re.sub(r"#.*", "", RULES.read_text())) <= known_metrics()


def test_every_alert_is_tried_and_says_what_it_means() -> None:
    """Each alert has its trial, a severity, a sentence, the numbers, and its entry in the runbook."""
    tried = set(re.findall(r"alertname: (\w+)", (RULES.parent / "rules_test.yml").read_text()))
    alerts = re.split(r"- alert: ", RULES.read_text())[1:]
    names = [text.split("\n", 1)[0] for text in alerts]
    assert tried == set(names)
    for name, text in zip(names, alerts, strict=True):
        assert re.search(r"severity: (critical|warning)\n", text), name
        assert "summary: " in text, name
        assert re.search(r"description: [^\n]*\n.*(\$value|\| query|\d minutes)", text, re.DOTALL), name
        assert f"runbook: docs/runbook.md#{name.lower()}\n" in text, name


def test_the_runbook_has_each_alert_and_no_other() -> None:
    """The runbook says of each alert what it means, what to look at, and what to do."""
    entries = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
    assert list(entries) == re.findall(r"- alert: (\w+)", RULES.read_text())
    for name, entry in entries.items():
        for part in ("**Means:**", "**Look at:**", "**Do:**"):
            assert part in entry, (name, part)
