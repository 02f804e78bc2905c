"""The template that makes a Firehose stream to the bridge, checked as CloudFormation would."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from places import ROOT

from bridge.formats.aws import canonical
from bridge.sources.http.settings import HttpSourceSettings

_TEMPLATE: Final = ROOT / "deploy" / "aws" / "firehose.yaml"
_CALL: Final = {
    "requestTime": "07/Oct/2026:08:21:45 +0000",
    "status": "200",
    "responseLatency": "253",
    "path": "/prod/orders",
}


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they are given."""


_Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))


def _template() -> Any:
    return yaml.load(_TEMPLATE.read_text(), _Loader)


def test_the_template_is_sound() -> None:
    """cfn-lint knows every resource and property of it, and finds nothing to complain about."""
    command = Path(sys.executable).with_name("cfn-lint")
    checked = subprocess.run([command, _TEMPLATE], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_it_collects_fits_into_a_request() -> None:
    """The largest buffer, in base64, is less than what the bridge takes by default."""
    parameters = _template()["Parameters"]
    most = parameters["BufferMegabytes"]["MaxValue"] * 2**20 * 4 / 3
    assert most < HttpSourceSettings().max_body_bytes


def test_its_log_format_is_what_the_bridge_reads() -> None:
    """A line in the format that it shows becomes a call with user, status, latency and path, and holds no key."""
    form = _template()["Outputs"]["LogFormat"]["Value"]
    assert "\n" not in form
    assert 'identity.apiKey"' not in form
    values = _CALL | {"user": "-"}
    line = re.sub(r"\$context\.(?:\w+\.)?(\w+)", lambda name: values.get(name[1], f"a-{name[1]}"), form)
    event = canonical(json.loads(line))
    assert event["proxyResponseCode"] == 200
    assert event["responseLatency"] == 253
    assert event["requestTimestamp"].startswith("2026-10-07T08:21:45")
    assert "a-apiKeyId" in json.dumps(event)
