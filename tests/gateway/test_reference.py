"""docs/gateway.md names every path, and no other."""

import re
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.bootstrap.gateway import GatewaySettings, assembled


REFERENCE = Path(__file__).parents[2] / "docs" / "gateway.md"


def test_the_reference_lists_the_api(tmp_path):
    settings = GatewaySettings(state=tmp_path)
    with assembled(settings, port=1, clock=SystemClock()) as (app, _):
        served = {
            (method, route.path) for route in app.asgi.routes for method in route.methods - {"HEAD"}
        }

    rows = re.findall(r"^\| `(GET|PUT|POST|DELETE) ([^`?]+)", REFERENCE.read_text(), re.MULTILINE)

    assert served == set(rows)
