"""Notebooks without a person in front of them: papermill here, or a Kubernetes Job."""
