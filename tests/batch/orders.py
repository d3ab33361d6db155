"""A batch for a cluster, as the tests here give it."""

from typing import Any

from darkroom.adapters.batch.job_manifest import ClusterOrder


IMAGE = "registry.example.org/darkroom-singleuser@sha256:" + "1" * 64


def an_order(**changed: Any) -> ClusterOrder:
    """A good order, with some of it changed."""
    return ClusterOrder(
        **{
            "name": "batch-count-0a1b2c3d",
            "namespace": "darkroom-batch",
            "image": IMAGE,
            "notebook": "count.ipynb",
            "data": b'{"cells": []}',
            "parameters": {"rate": 0.5, "name": "x"},
            "arguments": ("--run-log", "https://mlflow.example.org", "--commit", ""),
            "seconds": 600,
            "identity_secret": "robot",
            "memory_mib": 2048,
            "cpu": "1",
            **changed,
        }
    )
