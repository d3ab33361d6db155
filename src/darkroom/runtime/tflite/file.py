"""A whole file: the subgraphs that the first one reaches, renumbered and written."""

from collections import Counter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from darkroom.runtime.tflite.bounds import Budget, RefusedModelError, require
from darkroom.runtime.tflite.constants import Constants
from darkroom.runtime.tflite.graph import Graph, Operators


MAX_SUBGRAPHS = 256
MAX_CALLS = 4096  # of subgraphs, on all ways: an interpreter prepares each of them
MAX_PORTS = 16
VERSION = 3
IDENTIFIER = b"TFL3"
_MAIN = 0
_SLACK = 64 << 10


class Rewritten(NamedTuple):
    """A model in its canonical form, and its constants for a look at them."""

    data: bytes
    constants: list[NDArray[Any]]


def rewrite(schema: Any, data: bytes) -> Rewritten:
    """Read and write.

    Args:
        schema: the module `ai_edge_litert.schema_py_generated`.
        data: a TFLite file; hostile.

    Raises:
        RefusedModelError: it is no sound TFLite file, or holds what may not leave.
    """
    try:
        return _rewritten(schema, data)
    except RefusedModelError:
        raise
    except Exception as error:  # whatever the schema's code finds in hostile bytes
        raise RefusedModelError("is not a sound TFLite file", type(error).__name__) from error


def _rewritten(schema: Any, data: bytes) -> Rewritten:
    require(data[4:8] == IDENTIFIER, "is not a TFLite file")
    model = schema.Model.GetRootAs(data, 0)
    require(model.Version() == VERSION, "is a TFLite file of another version")
    entries = model.SignatureDefsLength()
    one = entries <= MAX_SUBGRAPHS and not any(
        model.SignatureDefs(i).SubgraphIndex() for i in range(entries)
    )
    require(one, "has several entry points")

    budget, operators = Budget(), Operators(schema, model)
    constants = Constants(schema, model, len(data))
    order = {_MAIN: _MAIN}  # old index of a subgraph -> new, as they are reached
    calls: list[list[int]] = []
    graphs: list[Graph] = []

    def call(old: int) -> int:
        require(0 <= old < model.SubgraphsLength(), "calls a subgraph that is not there")
        new = order.setdefault(old, len(order))
        require(new < MAX_SUBGRAPHS, "has too many subgraphs")
        calls[-1].append(new)
        return new

    while len(graphs) < len(order):
        calls.append([])
        table = model.Subgraphs([*order][len(graphs)])
        graphs.append(
            Graph(schema, table, budget=budget, operators=operators, constants=constants, call=call)
        )
    _require_an_end(calls)
    _name(graphs[_MAIN])
    packed = schema.ModelT(
        version=VERSION,
        operatorCodes=operators.written(),
        subgraphs=[graph.written() for graph in graphs],
        buffers=constants.written(),
    )
    builder = schema.flatbuffers.Builder(len(data) + _SLACK)
    builder.Finish(packed.Pack(builder), IDENTIFIER)
    return Rewritten(bytes(builder.Output()), constants.arrays)


def _require_an_end(calls: list[list[int]]) -> None:
    """No subgraph calls itself, by whatever way, and the ways to all of them are few."""
    waiting = Counter(new for called in calls for new in called)
    ways = Counter({_MAIN: 1})
    ready = [new for new in range(len(calls)) if not waiting[new]]
    for graph in ready:  # which grows
        for called in calls[graph]:
            ways[called] += ways[graph]
            waiting[called] -= 1
            if not waiting[called]:
                ready.append(called)
    require(len(ready) == len(calls), "has a subgraph that calls itself")
    require(ways.total() <= MAX_CALLS, "calls its subgraphs too often")


def _name(main: Graph) -> None:
    inputs, outputs = [*dict.fromkeys(main.inputs)], [*dict.fromkeys(main.outputs)]
    few = max(len(inputs), len(outputs)) <= MAX_PORTS
    require(few, "has more than 16 inputs or outputs")
    for rank, tensor in enumerate(inputs):
        main.tensors[tensor].name = f"input_{rank:02}"
    computed = [tensor for tensor in outputs if tensor not in inputs]
    for rank, tensor in enumerate(sorted(computed, key=main.old_name)):
        main.tensors[tensor].name = f"output_{rank:02}"
