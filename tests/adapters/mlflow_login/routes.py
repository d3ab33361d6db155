"""Prints every route that MLflow's server with accounts has, as JSON: path, method, name."""

import json
import os
import sys


def main() -> None:
    os.environ["_MLFLOW_SGI_NAME"] = "uvicorn"
    import mlflow.server.auth as accounts

    app = accounts.create_app()
    found = [
        (rule.rule.replace("path:", ""), method, rule.endpoint, "flask")
        for rule in accounts.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    ]
    for route in app.routes:
        if hasattr(route, "effective_route_contexts"):
            found += [
                (
                    one.path.replace(":path}", "}").replace("{", "<").replace("}", ">"),
                    method, one.endpoint.__name__, "fastapi",
                )
                for one in route.effective_route_contexts()
                for method in one.methods
            ]  # fmt: skip
    json.dump(sorted(set(found)), sys.stdout)


if __name__ == "__main__":
    main()
