"""TFLite files to read: shipped, made by hand, and with words in every place nobody reads."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from darkroom.adapters.litert import open_interpreter
from darkroom.runtime.tflite import rewrite


MODELS = Path(__file__).parents[2] / "data" / "models"
SHIPPED = ("detector.int8.tflite", "detector.float.tflite")


def shipped(name: str = SHIPPED[0]) -> bytes:
    return (MODELS / name).read_bytes()


def packed(model: Any, behind: bytes = b"") -> bytes:
    builder = schema.flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + behind


def unpacked(data: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(data)


def ints(*values: int) -> np.ndarray:
    return np.array(values, "<i4")


def constant(array: np.ndarray) -> Any:
    return schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8))


def adding(weights: np.ndarray, **of_tensor: Any) -> Any:
    """A model that adds constants to its input; tensors: input, weights, output."""
    kind = {"float32": 0, "int32": 2, "float16": 1, "bool": 6, "int8": 9}[weights.dtype.name]
    shape = ints(*weights.shape)
    weight = {"shape": shape, "type": kind, "buffer": 1} | of_tensor
    tensors = [
        schema.TensorT(shape=shape, type=kind, name="x"),
        schema.TensorT(**weight),
        schema.TensorT(shape=shape, type=kind, name="y"),
    ]
    return schema.ModelT(
        version=3,
        operatorCodes=[operator_code("ADD")],
        subgraphs=[
            schema.SubGraphT(
                tensors=tensors,
                inputs=ints(0),
                outputs=ints(2),
                operators=[operator(0, (0, 1), (2,), "AddOptions", schema.AddOptionsT())],
            )
        ],
        buffers=[schema.BufferT(), constant(weights)],
    )


def operator_code(name: str) -> Any:
    number = getattr(schema.BuiltinOperator, name)
    return schema.OperatorCodeT(min(number, 127), None, 1, number)


def operator(
    code: int,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    kind: str = "NONE",
    options: Any = None,
) -> Any:
    return schema.OperatorT(
        opcodeIndex=code,
        inputs=ints(*inputs),
        outputs=ints(*outputs),
        builtinOptionsType=getattr(schema.BuiltinOptions, kind),
        builtinOptions=options,
    )


def with_words(data: bytes, words: bytes) -> bytes:
    """The same model with words wherever the interpreter does not look."""
    model = unpacked(data)
    chance = np.random.default_rng(list(words))
    text = words.decode("latin-1").encode("ascii", "replace")
    hidden = np.frombuffer(words, np.uint8)
    floats = np.frombuffer(words * 4, "<f4")[: len(words) // 4]

    order = chance.permutation(len(model.buffers) - 1) + 1
    place = {0: 0} | {int(old): new for new, old in enumerate(order, 1)}
    model.buffers = [model.buffers[0], *(model.buffers[i] for i in order)]
    model.buffers += [schema.BufferT(data=hidden)]
    model.description = text
    model.metadata = [schema.MetadataT(name=text, buffer=len(model.buffers) - 1)]
    model.metadataBuffer = np.frombuffer(words * 4, "<i4")[: len(words) // 4]
    for signature in model.signatureDefs or []:
        signature.signatureKey = text
        for port in signature.inputs + signature.outputs:
            port.name = text
    model.operatorCodes.insert(0, schema.OperatorCodeT(32, text, 7, 32))
    for graph in model.subgraphs:
        graph.name = text
        for tensor in graph.tensors:
            tensor.buffer = place[tensor.buffer]
            tensor.hasRank = bool(chance.integers(2))
            tensor.shapeSignature = tensor.shape
            if tensor.quantization is None:
                tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.min = tensor.quantization.max = floats
        outputs = {int(i) for i in graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if number not in outputs:
                tensor.name = text + str(chance.integers(1 << 30)).encode()
        for each in graph.operators:
            each.opcodeIndex += 1
            each.customOptions = hidden
            each.mutatingVariableInputs = (hidden % 2).astype(bool)
            each.debugMetadataIndex = int(chance.integers(1 << 30))
            each.largeCustomOptionsOffset = int(chance.integers(1 << 30))
        stranger = schema.TensorT(shape=ints(len(words)), type=3, buffer=len(model.buffers) - 1)
        graph.tensors.append(stranger)
        _shuffle(graph, chance)
    model.subgraphs.append(schema.SubGraphT(tensors=[stranger], name=text))
    return packed(model, behind=words)


def _shuffle(graph: Any, chance: np.random.Generator) -> None:
    order = chance.permutation(len(graph.tensors))
    new = np.argsort(order)
    graph.tensors = [graph.tensors[i] for i in order]
    for holder in [graph, *graph.operators]:
        for field in ("inputs", "outputs"):
            old = getattr(holder, field)
            setattr(holder, field, np.where(old < 0, old, new[old]).astype("<i4"))


def computed(data: bytes, *, times: int = 2, highest: float = 1.0) -> list[tuple[Any, ...]]:
    """What a model makes of fixed random inputs: bits, shapes, types and scales."""
    opened = open_interpreter(data)
    chance = np.random.default_rng(5)
    seen: list[tuple[Any, ...]] = []
    for _ in range(times):
        for port in opened.get_input_details():
            whole = np.issubdtype(port["dtype"], np.integer)
            values = chance.uniform(-100 if whole else 0, 100 if whole else highest, port["shape"])
            opened.set_tensor(port["index"], values.astype(port["dtype"]))
        opened.invoke()
        for port in opened.get_output_details():
            bits = opened.get_tensor(port["index"]).tobytes()
            seen.append((bits, tuple(port["shape"]), port["dtype"], port["quantization"]))
    return seen


def constants() -> list[np.ndarray]:
    """All weights of the shipped detector, in its three forms."""
    arrays = [array for name in SHIPPED for array in rewrite(schema, shipped(name)).constants]
    with np.load(MODELS / "detector.weights.npz", allow_pickle=False) as archive:
        return arrays + [archive[name] for name in archive.files]
