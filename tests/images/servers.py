"""The servers of our images, started as their pods start them."""


def given(**variables: str) -> tuple[str, ...]:
    return tuple(f"--env={name}={value}" for name, value in variables.items())


STATE = "--tmpfs=/state:size=64m,mode=0777"
# What is started; podman's options, the chart's limit of memory among them; what then answers.
SERVERS = {
    "gateway": (
        ("gateway", "serve", "--state", "/state/relay", "--host", "127.0.0.1", "--port", "8400"),
        (STATE, "--memory=256m"),
        "http://127.0.0.1:8400/readyz",
    ),
    "mlflow": (
        ("-m", "darkroom.bootstrap.run_log"),
        (
            *("--entrypoint=/opt/darkroom/venv/bin/python", "--memory=1024m"),
            *(STATE, "--tmpfs=/tmp:size=64m,mode=1777"),
            *given(
                DARKROOM_MLFLOW_STATE="/state",
                DARKROOM_MLFLOW_ARTIFACTS="/state/artifacts",
                DARKROOM_MLFLOW_URL="http://127.0.0.1:5000",
                DARKROOM_HUB_URL="http://127.0.0.1:8000",
                DARKROOM_HUB_API="http://127.0.0.1:8081/hub/api",
                DARKROOM_HUB_TOKEN="t" * 32,
                MLFLOW_AUTH_ADMIN_PASSWORD="p" * 20,
                MLFLOW_FLASK_SERVER_SECRET_KEY="k" * 32,
            ),
        ),
        "http://127.0.0.1:5000/health",
    ),
    "singleuser": (
        ("jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=8888"),
        (
            *("--memory=1907m", "--tmpfs=/tmp:size=64m,mode=1777"),
            "--tmpfs=/home/jovyan:size=64m,mode=0777",
        ),
        "http://127.0.0.1:8888/api",
    ),
}
