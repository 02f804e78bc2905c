"""The Grafana dashboard as a file: generated, sound, and made of metrics that there are."""

import subprocess
import sys
from itertools import combinations

from fakes.metric_names import DASHBOARD, GRAFANA, known_metrics, queries, used_metrics


def test_the_dashboard_is_made_of_its_panels() -> None:
    """apim-bridge.json is what `make dashboard` writes, byte for byte."""
    printed = subprocess.run(
        [sys.executable, str(GRAFANA / "dashboard.py")], capture_output=True, text=True, check=True
    )
    assert (GRAFANA / "apim-bridge.json").read_text() == printed.stdout


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Each panel has its id and its place in Grafana's 24 columns."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_panels_say_what_they_show() -> None:
    """Each panel has a title, a sentence, and queries whose references differ, on the chosen Prometheus."""
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_choices_are_used_and_used_choices_are_there() -> None:
    """The variables are those of the queries: data source, bridge and API; every query obeys the bridge's."""
    names = {choice["name"] for choice in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "instance", "api"}
    assert DASHBOARD["uid"] == "apim-bridge"
    for query in queries():
        assert '{instance=~"$instance"' in query or ', instance=~"$instance"' in query, query
    assert any('api=~"$api"' in query for query in queries())


def test_queries_use_metrics_that_there_are() -> None:
    """No panel asks for a metric that the bridge does not expose."""
    assert used_metrics("\n".join(queries())) <= known_metrics()
