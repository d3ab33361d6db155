"""The program `run`: call the submitted function on a dataset, keep what it returns."""

from typing import Any

from darkroom.runtime.dataset import Dataset
from darkroom.runtime.entrypoint import load, seed
from darkroom.runtime.outputs import declared, encode_all
from darkroom.runtime.parts import write_part
from darkroom.runtime.places import Places


def main(request: dict[str, Any], places: Places) -> None:
    """Run a job, or one worker's share of it.

    With a `merge` in the request the return value is a part: any nesting of dicts, lists,
    numbers, texts and arrays, for the job's own merge. Without, it is the outputs.

    Raises:
        OutputError: the return value does not fit the declaration.
    """
    outputs = declared(request)
    data = Dataset(
        places.data,
        request.get("cameras"),
        request.get("minutes"),
        version=request.get("version"),
    )
    function = load(request["entrypoint"], places.code)
    seed(request.get("seed"))
    result = function(data, dict(request.get("parameters", {})))
    if request.get("merge"):
        write_part(places.out, result)
        return
    for name, content in encode_all(outputs, result).items():
        (places.out / name).write_bytes(content)
