"""A TFLite file is written again: the model is the same, nothing beside it is left."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.litert import Detector, open_interpreter
from darkroom.runtime.tflite import RefusedModelError, rewrite
from tests.runtime import tflite_models as models


WORDS = b"a face at 12:04, gate"
TINY = models.packed(models.adding(np.arange(6, dtype=np.float32).reshape(2, 3)))


def _rewritten(data: bytes) -> bytes:
    return rewrite(schema, data).data


def _refused(model: Any) -> str:
    with pytest.raises(RefusedModelError) as caught:
        _rewritten(model if isinstance(model, bytes) else models.packed(model))
    return caught.value.what


# ------------------------------------------------------------------------- what stays


@pytest.mark.parametrize("name", models.SHIPPED)
def test_a_shipped_detector_computes_the_same_bits(name: str) -> None:
    data = models.shipped(name)

    assert models.computed(_rewritten(data)) == models.computed(data)


@pytest.mark.parametrize("name", models.SHIPPED)
def test_written_twice_is_written_once(name: str) -> None:
    once = _rewritten(models.shipped(name))

    assert _rewritten(once) == once == _rewritten(models.shipped(name))


@pytest.mark.parametrize("name", models.SHIPPED)
def test_the_detector_finds_the_same_boxes(name: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 120, 3), dtype=np.uint8)
    before, after = (
        Detector(data).detect(picture, threshold=0.0)
        for data in (models.shipped(name), _rewritten(models.shipped(name)))
    )

    assert np.array_equal(before.xyxy, after.xyxy)
    assert np.array_equal(before.confidence, after.confidence)


def test_ports_keep_their_order_and_outputs_the_order_of_their_names() -> None:
    before, after = (
        open_interpreter(data) for data in (models.shipped(), _rewritten(models.shipped()))
    )
    names = [[port["name"] for port in opened.get_output_details()] for opened in (before, after)]

    assert np.array_equal(np.argsort(names[0]), np.argsort(names[1]))
    assert sorted(names[1]) == ["output_00", "output_01"]
    assert [p["name"] for p in after.get_input_details()] == ["input_00"]


def test_constants_of_no_numbers_and_sides_that_may_change_stay() -> None:
    model = models.adding(np.ones((1, 3), np.float32))
    model.subgraphs[0].tensors[0].shapeSignature = models.ints(-1, 3)
    model.subgraphs[0].tensors[2].shapeSignature = models.ints(-1, 3)
    opened = open_interpreter(_rewritten(models.packed(model)))
    assert list(opened.get_input_details()[0]["shape_signature"]) == [-1, 3]

    scalar = models.adding(np.ones(1, np.float32))
    scalar.operatorCodes = [models.operator_code("RESHAPE")]
    scalar.subgraphs[0].operators = [models.operator(0, (0, 1), (2,))]
    scalar.subgraphs[0].tensors[1].shape = models.ints(0)
    scalar.subgraphs[0].tensors[1].type = schema.TensorType.INT32
    scalar.subgraphs[0].tensors[2].shape = models.ints()
    scalar.buffers[1] = schema.BufferT(data=np.zeros(0, np.uint8))
    data = models.packed(scalar)
    assert models.computed(_rewritten(data)) == models.computed(data)


def test_equal_numbers_are_written_once() -> None:
    model = models.adding(np.ones(64, np.float32))
    graph = model.subgraphs[0]
    graph.tensors.append(schema.TensorT(shape=models.ints(64), buffer=2))
    graph.operators[0].outputs = models.ints(4)
    graph.tensors.append(schema.TensorT(shape=models.ints(64)))
    add = schema.AddOptionsT()
    graph.operators.append(models.operator(0, (4, 3), (2,), "AddOptions", add))
    model.buffers.append(models.constant(np.ones(64, np.float32)))

    written = models.unpacked(_rewritten(models.packed(model)))

    assert len(written.buffers) == 2


def _looping() -> Any:
    """While the sum is below 100, double it; subgraphs 1 and 2 are condition and body."""
    model = models.adding(np.ones(2, np.float32))
    less, add, loop = (models.operator_code(n) for n in ("LESS", "ADD", "WHILE"))
    model.operatorCodes = [less, add, loop]
    shape, kinds = models.ints(2), schema.TensorType
    main = model.subgraphs[0]
    options = schema.WhileOptionsT(condSubgraphIndex=2, bodySubgraphIndex=1)
    main.tensors.append(schema.TensorT(shape=shape, name="between"))
    main.operators = [
        models.operator(1, (0, 1), (3,), "AddOptions", schema.AddOptionsT()),
        models.operator(2, (3,), (2,), "WhileOptions", options),
    ]
    tensors = [schema.TensorT(shape=shape), schema.TensorT(shape=shape)]
    double = models.operator(1, (0, 0), (1,), "AddOptions", schema.AddOptionsT())
    body = schema.SubGraphT(
        tensors=tensors, inputs=models.ints(0), outputs=models.ints(1), operators=[double]
    )
    one = models.ints(1)
    tensors = [
        schema.TensorT(shape=shape),
        schema.TensorT(shape=one, buffer=2),
        schema.TensorT(shape=one, type=kinds.BOOL),
        schema.TensorT(shape=one, type=kinds.INT32, buffer=3),
        schema.TensorT(shape=one),
    ]
    total = models.operator(3, (0, 3), (4,), "ReducerOptions", schema.ReducerOptionsT(True))
    condition = schema.SubGraphT(
        tensors=tensors,
        inputs=models.ints(0),
        outputs=models.ints(2),
        operators=[total, models.operator(0, (4, 1), (2,))],
    )
    model.operatorCodes.append(models.operator_code("SUM"))
    model.subgraphs += [body, condition]
    model.buffers += [
        models.constant(np.full(1, 100, np.float32)),
        models.constant(np.zeros(1, np.int32)),
    ]
    return model


def test_loops_and_their_subgraphs_stay() -> None:
    data = models.packed(_looping())
    once = _rewritten(data)

    assert models.computed(once, highest=3.0) == models.computed(data, highest=3.0)
    assert _rewritten(once) == once


def _remembering() -> Any:
    """Adds its input to a variable."""
    model = models.adding(np.ones(2, np.float32))
    graph, kinds = model.subgraphs[0], schema.TensorType
    names = ("VAR_HANDLE", "READ_VARIABLE", "ADD", "ASSIGN_VARIABLE")
    model.operatorCodes = [models.operator_code(name) for name in names]
    handle = schema.TensorT(shape=models.ints(), type=kinds.RESOURCE)
    graph.tensors += [handle, schema.TensorT(shape=models.ints(2))]
    named = schema.VarHandleOptionsT(container="of a", sharedName="face")
    add = schema.AddOptionsT()
    graph.operators = [
        models.operator(0, (), (3,), "VarHandleOptions", named),
        models.operator(3, (3, 1), ()),
        models.operator(1, (3,), (4,)),
        models.operator(2, (4, 0), (2,), "AddOptions", add),
        models.operator(3, (3, 2), ()),
    ]
    return model


def test_variables_stay_and_lose_their_names() -> None:
    data = models.packed(_remembering())
    once = _rewritten(data)

    assert models.computed(once) == models.computed(data)
    assert b"face" in data
    assert b"face" not in once


# ----------------------------------------------------------------------- what is gone


@pytest.mark.parametrize("name", models.SHIPPED)
@settings(max_examples=8, deadline=None)
@given(words=st.binary(min_size=8, max_size=200))
def test_words_beside_the_numbers_change_no_bit(name: str, words: bytes) -> None:
    """So they carry none: whatever was hidden, the same file leaves."""
    data = models.shipped(name)

    assert _rewritten(models.with_words(data, words)) == _rewritten(data)


def test_words_were_there_before() -> None:
    """The other half of the test above: the file that came in did carry them, and loads."""
    hidden = models.with_words(models.shipped(), WORDS)

    assert hidden.count(WORDS) > 50
    assert open_interpreter(hidden)
    assert WORDS not in _rewritten(hidden)
    assert len(_rewritten(hidden)) < len(models.shipped())


def test_names_carry_the_order_of_the_outputs_and_nothing_else() -> None:
    model = models.unpacked(models.shipped())
    outputs = [model.subgraphs[0].tensors[i] for i in model.subgraphs[0].outputs]
    files = set()
    for names in (("a", "b"), ("b", "a"), ("a face", "b"), ("z" * 999, "at the gate")):
        for tensor, name in zip(outputs, names, strict=True):
            tensor.name = name
        files.add(_rewritten(models.packed(model)))

    assert len(files) == 2


def test_options_that_are_not_read_are_gone() -> None:
    model = models.adding(np.full(1, 6, np.int32))
    model.operatorCodes = [models.operator_code("RESHAPE")]
    model.subgraphs[0].tensors[0].shape = model.subgraphs[0].tensors[2].shape = models.ints(6)
    files = set()
    for secret in (1, 2):
        shape = schema.ReshapeOptionsT(newShape=models.ints(secret))
        reshape = models.operator(0, (0, 1), (2,), "ReshapeOptions", shape)
        model.subgraphs[0].operators = [reshape]
        files.add(_rewritten(models.packed(model)))

    assert len(files) == 1


def test_one_scale_has_no_side() -> None:
    scale = np.array([0.5], "<f4"), np.zeros(1, "<i8")
    files = set()
    for side in (0, 1):
        quantised = schema.QuantizationParametersT(None, None, *scale, quantizedDimension=side)
        weights = models.adding(np.ones((2, 3), np.int8), quantization=quantised)
        files.add(_rewritten(models.packed(weights)))

    assert len(files) == 1


# -------------------------------------------------------------------- what is refused


def _changed(change: Any, model: Any = None) -> Any:
    model = model or models.adding(np.ones((2, 3), np.float32))
    change(model, model.subgraphs[0], model.subgraphs[0].tensors, model.subgraphs[0].operators[0])
    return model


def _set(holder: Any, **fields: Any) -> None:
    for name, value in fields.items():
        assert hasattr(holder, name)
        setattr(holder, name, value)


SPARSE = schema.SparsityParametersT(traversalOrder=models.ints(0))
BLOCKS = schema.QuantizationParametersT(detailsType=2, details=schema.BlockwiseQuantizationT())
TWO_SCALES = schema.QuantizationParametersT(
    scale=np.ones(5, "<f4"), zeroPoint=np.zeros(5, "<i8"), quantizedDimension=1
)
REFUSED = {
    "has a custom operator": lambda m, g, t, o: _set(
        m.operatorCodes[0], deprecatedBuiltinCode=32, builtinCode=32, customCode="FlexInv"
    ),
    "has an operator that may not leave": lambda m, g, t, o: _set(
        m.operatorCodes[0], deprecatedBuiltinCode=127, builtinCode=173
    ),
    "has an operator of an unknown version": lambda m, g, t, o: _set(
        m.operatorCodes[0], version=1 << 20
    ),
    "has an operator with the options of another": lambda m, g, t, o: _set(
        o, builtinOptionsType=21, builtinOptions=schema.MulOptionsT()
    ),
    "has an operator with an unknown option": lambda m, g, t, o: _set(
        o, builtinOptions=schema.AddOptionsT(fusedActivationFunction=99)
    ),
    "has sparse tensors": lambda m, g, t, o: _set(t[1], sparsity=SPARSE),
    "has custom or block-wise quantisation": lambda m, g, t, o: _set(t[1], quantization=BLOCKS),
    "has tensors of a type that may not leave": lambda m, g, t, o: _set(t[0], type=5),
    "keeps its numbers outside the file": lambda m, g, t, o: _set(
        m.buffers[1], offset=4096, size=24
    ),
    "has numbers that do not fill their tensor": lambda m, g, t, o: _set(
        t[1], shape=models.ints(2, 2)
    ),
    "has a tensor of an odd shape": lambda m, g, t, o: _set(t[0], shape=models.ints(-2, 3)),
    "refers to a tensor that is not there": lambda m, g, t, o: _set(o, inputs=models.ints(0, 3)),
    "refers to numbers that are not there": lambda m, g, t, o: _set(t[1], buffer=9),
    "refers to an operator that is not there": lambda m, g, t, o: _set(o, opcodeIndex=1),
    "writes into a constant": lambda m, g, t, o: _set(t[1], isVariable=True),
    "has NaN in a constant": lambda m, g, t, o: m.buffers.__setitem__(
        1, models.constant(np.full((2, 3), np.nan, np.float32))
    ),
    "has several entry points": lambda m, g, t, o: _set(
        m, signatureDefs=[schema.SignatureDefT([], [], "train", 1)]
    ),
    "has more than 16 inputs or outputs": lambda m, g, t, o: (
        t.extend(schema.TensorT(shape=models.ints(1)) for _ in range(20)),
        _set(g, inputs=models.ints(0, *range(3, 23))),
    ),
    "is a TFLite file of another version": lambda m, g, t, o: _set(m, version=4),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_not_leave_is_refused_by_name(what: str) -> None:
    assert _refused(_changed(REFUSED[what])) == what


def test_scales_and_truth_values_are_those_of_their_tensor() -> None:
    weights = models.adding(np.ones((2, 3), np.int8), quantization=TWO_SCALES)
    assert _refused(weights) == "has scales that do not fit their tensor"

    odd = models.adding(np.ones(4, bool))
    odd.buffers[1] = models.constant(np.array([0, 1, 7, 1], np.uint8))
    assert _refused(odd) == "has a truth value that is none"


def test_only_some_operators_do_without_an_input() -> None:
    """Others would crash the interpreter, not make it refuse the model."""
    model = models.adding(np.ones((2, 3), np.float32))
    model.subgraphs[0].operators[0].inputs = models.ints(0, -1)
    assert _refused(model) == "refers to a tensor that is not there"

    model.operatorCodes[0] = models.operator_code("FULLY_CONNECTED")
    shape = models.ints(2, 2)
    model.subgraphs[0].tensors[2].shape = shape
    dense = schema.FullyConnectedOptionsT()
    model.subgraphs[0].operators = [
        models.operator(0, (0, 1, -1), (2,), "FullyConnectedOptions", dense)
    ]
    data = models.packed(model)
    assert models.computed(_rewritten(data)) == models.computed(data)


def test_subgraphs_that_call_themselves_are_refused() -> None:
    model = _looping()
    body = schema.WhileOptionsT(condSubgraphIndex=2, bodySubgraphIndex=1)
    model.subgraphs[1].operators = [models.operator(2, (0,), (1,), "WhileOptions", body)]
    assert _refused(model) == "has a subgraph that calls itself"

    body.bodySubgraphIndex = 7
    assert _refused(model) == "calls a subgraph that is not there"


def test_subgraphs_that_double_at_every_step_are_refused() -> None:
    """Twenty of them are prepared a million times by the interpreter."""
    model = models.adding(np.ones(2, np.float32))
    model.operatorCodes.append(models.operator_code("CALL_ONCE"))
    graphs = model.subgraphs
    for deeper in range(1, 21):
        once = [
            models.operator(1, (), (), "CallOnceOptions", schema.CallOnceOptionsT(deeper))
            for _ in range(2)
        ]
        graphs[-1].operators = graphs[-1].operators + once if graphs[-1].operators else once
        graphs.append(schema.SubGraphT(tensors=[], inputs=models.ints(), outputs=models.ints()))
        graphs[-1].operators = []

    assert _refused(model) == "calls its subgraphs too often"


# ------------------------------------------------------------------------ hostile files


def test_a_vector_that_claims_to_be_huge_is_not_read() -> None:
    model = models.adding(np.ones((2, 3), np.float32))
    model.subgraphs[0].operators[0].intermediates = models.ints(*range(77))
    data = models.packed(model)
    for claimed in (1 << 31, (1 << 32) - 1, 1 << 20):
        forged = data.replace((77).to_bytes(4, "little"), claimed.to_bytes(4, "little"))
        assert forged != data
        assert _refused(forged) == "has too many connections"


def test_parts_that_point_to_one_place_are_counted_each_time() -> None:
    model = models.adding(np.ones(2, np.float32))
    add = model.subgraphs[0].operators[0]
    model.subgraphs[0].operators = [add] * 21_000
    assert _refused(model) == "has too many tensors and operators"


class _Shared:
    """A buffer that every entry of the list points to."""

    def __init__(self, content: np.ndarray) -> None:
        self._buffer, self._at = models.constant(content), 0

    def Pack(self, builder: Any) -> int:  # noqa: N802 - as the schema's own classes
        self._at = self._at or self._buffer.Pack(builder)
        return self._at


def test_bytes_that_are_used_twice_are_counted_each_time() -> None:
    model = models.adding(np.zeros(4096, np.int8))
    graph = model.subgraphs[0]
    graph.tensors += [
        schema.TensorT(shape=models.ints(4096), type=9, buffer=i) for i in range(2, 41)
    ]
    add = ("AddOptions", schema.AddOptionsT())
    graph.operators = [models.operator(0, (0, i), (2,), *add) for i in (1, *range(3, 42))]
    model.buffers[1:] = [_Shared(np.zeros(4096, np.int8))] * 40

    assert _refused(model) == "uses the same bytes twice"


def test_numbers_are_seen_in_few_shapes() -> None:
    model = models.adding(np.zeros(4096, np.int8))
    graph = model.subgraphs[0]
    shapes = [models.ints(1 << i, 4096 >> i) for i in range(12)]
    graph.tensors += [schema.TensorT(shape=shape, type=9, buffer=1) for shape in shapes]
    add = ("AddOptions", schema.AddOptionsT())
    graph.operators = [models.operator(0, (0, i), (2,), *add) for i in (1, *range(3, 15))]

    assert _refused(model) == "shows the same numbers in many shapes"


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 255), st.booleans()), min_size=1, max_size=6
    ),
    st.sampled_from(["tiny", "looping", "remembering"]),
    st.integers(0, 4000),
)
def test_any_flipped_bytes_are_refused_or_written_canonically(
    flips: list[tuple[int, int, bool]], which: str, cut: int
) -> None:
    data = bytearray({"tiny": TINY, "looping": _LOOPING, "remembering": _REMEMBERING}[which])
    for place, byte, whole in flips:
        at = place % len(data)
        if whole:
            data[at : at + 4] = bytes([byte]) * len(data[at : at + 4])
        else:
            data[at] ^= byte
    if cut % 7 == 0:
        del data[cut % len(data) :]
    try:
        once = _rewritten(bytes(data))
    except RefusedModelError:
        return
    assert _rewritten(once) == once


_LOOPING, _REMEMBERING = models.packed(_looping()), models.packed(_remembering())
