"""MLflow's door: the Hub says who somebody is, and MLflow asks nobody for a password.

MLflow's `basic-auth` app calls `authorize` before each of its routes that is not public, those
of FastAPI included. It is set up through the environment alone (docs/hub.md has the table);
`darkroom.bootstrap.run_log` checks that all of it is there before MLflow starts.
"""

import functools
import os
from typing import TYPE_CHECKING

from flask import Response, g, request
from werkzeug.datastructures import Authorization


if TYPE_CHECKING:
    from darkroom.adapters.mlflow_login.door import Door


def authorize() -> Authorization | Response:
    """Name the sender of the request at hand, or answer it: a login, a refusal.

    MLflow asks several times in one request; the first answer holds.
    """
    if "darkroom_answer" not in g:
        g.darkroom_answer = _door().answer(request)
    answer: Authorization | Response = g.darkroom_answer
    return answer


@functools.cache
def _door() -> "Door":
    # Imported here: it is MLflow's server that comes along.
    from darkroom.adapters.mlflow_login.door import Door
    from darkroom.adapters.mlflow_login.hub import Hub
    from darkroom.adapters.mlflow_login.sealing import Seal

    ask = os.environ
    return Door(
        Hub(
            api=ask["DARKROOM_HUB_API"],
            public=ask["DARKROOM_HUB_URL"],
            token=ask["DARKROOM_HUB_TOKEN"],
        ),
        Seal(ask["MLFLOW_FLASK_SERVER_SECRET_KEY"]),
        address=ask["DARKROOM_MLFLOW_URL"],
    )
