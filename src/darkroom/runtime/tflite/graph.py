"""One subgraph: tensors in the order of first use, operators in their order."""

from collections.abc import Callable
from typing import Any

import numpy as np

from darkroom.runtime.tflite.bounds import Budget, RefusedModelError, require
from darkroom.runtime.tflite.constants import NUMPY, Constants
from darkroom.runtime.tflite.operators import CALLS, HIGHEST, OPTIONS, WITH_GAPS


MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 31
MAX_VERSION = 99
_OLD_BUILTINS = 127  # of the old field; newer operators are in the new one
_MISSING = -1  # an optional input that is not given

# type -> lowest and highest zero point
_SCALED = {
    "INT8": (-128, 127),
    "UINT8": (0, 255),
    **dict.fromkeys(("INT16", "INT32", "INT64"), (0, 0)),
}


def names_of(kind: Any) -> dict[int, str]:
    """The names of an enumeration of the schema."""
    return {v: n for n, v in vars(kind).items() if isinstance(v, int)}


class Operators:
    """The operator codes that are used, and the names of variables."""

    def __init__(self, schema: Any, model: Any) -> None:
        self._schema = schema
        self._model = model
        self._names = names_of(schema.BuiltinOperator)
        self._codes: dict[tuple[int, int], int] = {}
        self._variables: dict[tuple[Any, Any], str] = {}

    def code(self, index: int) -> tuple[str, int]:
        """Name of an operator, and its new index.

        Raises:
            RefusedModelError: it may not leave.
        """
        inside = 0 <= index < self._model.OperatorCodesLength()
        require(inside, "refers to an operator that is not there")
        table = self._model.OperatorCodes(index)
        number = max(table.BuiltinCode(), table.DeprecatedBuiltinCode())
        name = self._names.get(number, "")
        require(name != "CUSTOM", "has a custom operator")
        require(name in OPTIONS, "has an operator that may not leave", name)
        version = table.Version()
        require(1 <= version <= MAX_VERSION, "has an operator of an unknown version", name)
        return name, self._codes.setdefault((number, version), len(self._codes))

    def variable(self, container: Any, shared: Any) -> str:
        """The new name of a variable."""
        key = (container, shared)
        return self._variables.setdefault(key, f"v{len(self._variables)}")

    def written(self) -> list[Any]:
        """The codes of the new file."""
        return [
            self._schema.OperatorCodeT(min(number, _OLD_BUILTINS), None, version, number)
            for number, version in self._codes
        ]


class Graph:
    """Reads one subgraph.

    Args:
        schema: the generated module.
        table: the subgraph.
        budget: of the whole file.
        operators: of the whole file.
        constants: of the whole file.
        call: old index of a subgraph -> new index.
    """

    def __init__(
        self,
        schema: Any,
        table: Any,
        *,
        budget: Budget,
        operators: Operators,
        constants: Constants,
        call: Callable[[int], int],
    ) -> None:
        self._schema = schema
        self._table = table
        self._budget = budget
        self._codes = operators
        self._constants = constants
        self._call = call
        self._types = names_of(schema.TensorType)
        self._numbers: dict[int, int] = {}  # old index of a tensor -> new
        self._computed: set[int] = set()
        self._most = table.TensorsLength()

        self.inputs = self._tensors(table.InputsLength(), table.InputsAsNumpy)
        self._computed.update(self.inputs)
        count = budget.tables(table.OperatorsLength())
        self.operators = [self._operator(table.Operators(i)) for i in range(count)]
        self.outputs = self._tensors(table.OutputsLength(), table.OutputsAsNumpy)
        budget.tables(len(self._numbers))
        self.tensors = [self._tensor(old, new) for old, new in self._numbers.items()]

    def old_name(self, tensor: int) -> bytes:
        """What a tensor was called before."""
        old = list(self._numbers)[tensor]
        return self._table.Tensors(old).Name() or b""

    def written(self) -> Any:
        """The subgraph of the new file."""
        return self._schema.SubGraphT(
            tensors=self.tensors,
            inputs=np.array(self.inputs, "<i4"),
            outputs=np.array(self.outputs, "<i4"),
            operators=self.operators,
        )

    # ------------------------------------------------------------------------- operators

    def _tensors(self, count: int, read: Callable[[], Any], *, optional: bool = False) -> list[int]:
        return [self._renumbered(old, optional) for old in self._budget.numbers(count, read)]

    def _renumbered(self, old: int, optional: bool) -> int:
        if optional and old == _MISSING:
            return _MISSING
        require(0 <= old < self._most, "refers to a tensor that is not there")
        return self._numbers.setdefault(old, len(self._numbers))

    def _operator(self, table: Any) -> Any:
        name, code = self._codes.code(table.OpcodeIndex())
        gaps = name in WITH_GAPS
        inputs = self._tensors(table.InputsLength(), table.InputsAsNumpy, optional=gaps)
        between = self._tensors(
            table.IntermediatesLength(), table.IntermediatesAsNumpy, optional=gaps
        )
        outputs = self._tensors(table.OutputsLength(), table.OutputsAsNumpy)
        self._computed.update(outputs)
        kind = OPTIONS[name]
        if name == "RESHAPE" and len(inputs) > 1:
            kind = ""  # the shape is an input then, and the options are not read
        counts = {"valuesCount": len(inputs), "num": len(outputs), "numSplits": len(outputs)}
        options = self._options(table, kind, name, counts) if kind else None
        return self._schema.OperatorT(
            opcodeIndex=code,
            inputs=np.array(inputs, "<i4"),
            outputs=np.array(outputs, "<i4"),
            builtinOptionsType=getattr(self._schema.BuiltinOptions, kind) if options else 0,
            builtinOptions=options,
            intermediates=np.array(between, "<i4") if between else None,
        )

    def _options(self, table: Any, kind: str, name: str, counts: dict[str, int]) -> Any:
        found = table.BuiltinOptionsType()
        if not found:
            return None
        expected = getattr(self._schema.BuiltinOptions, kind)
        require(found == expected, "has an operator with the options of another", name)
        union = table.BuiltinOptions()
        if union is None:
            return None
        options = getattr(self._schema, f"{kind}T").InitFromBuf(union.Bytes, union.Pos)
        if kind == "VarHandleOptions":
            variable = self._codes.variable(options.container, options.sharedName)
            options.container, options.sharedName = None, variable
            return options
        for field, value in vars(options).items():
            if field in CALLS.get(kind, ()):
                setattr(options, field, self._call(value))
            else:
                right = value == counts.get(field, value)  # the interpreter counts on it
                require(right, "has an operator with an unknown option", name)
                setattr(options, field, self._option(name, field, value))
        return options

    def _option(self, name: str, field: str, value: Any) -> Any:
        match value:
            case None | bool():
                return value
            case int():
                fits = field not in HIGHEST or 0 <= value <= HIGHEST[field]
                require(fits, "has an operator with an unknown option", name)
                return value
            case float():
                require(np.isfinite(value), "has an operator with an unknown option", name)
                return value
            case np.ndarray() if value.dtype == np.int32:
                fits = len(value) <= MAX_DIMENSIONS
                require(fits, "has an operator with an unknown option", name)
                return value.copy()
        raise RefusedModelError("has an operator with an unknown option", name)

    # --------------------------------------------------------------------------- tensors

    def _tensor(self, old: int, new: int) -> Any:
        table = self._table.Tensors(old)
        kind = self._types.get(table.Type(), "")
        require(kind in NUMPY, "has tensors of a type that may not leave", kind)
        require(table.Sparsity() is None, "has sparse tensors")
        require(table.ExternalBuffer() == 0, "keeps its numbers outside the file")
        shape = self._budget.numbers(table.ShapeLength(), table.ShapeAsNumpy)
        fits = len(shape) <= MAX_DIMENSIONS and min(shape, default=0) >= 0
        elements = 1
        for side in shape:
            elements *= side
        require(fits and elements <= MAX_ELEMENTS, "has a tensor of an odd shape")
        place = self._constants.place(table.Buffer(), kind, shape)
        written_to = new in self._computed or table.IsVariable()
        require(not (place and written_to), "writes into a constant")
        return self._schema.TensorT(
            shape=np.array(shape, "<i4"),
            type=table.Type(),
            buffer=place,
            quantization=self._scales(table.Quantization(), kind, shape),
            isVariable=bool(table.IsVariable()),
            shapeSignature=self._signature(table, shape),
            hasRank=True,
        )

    def _signature(self, table: Any, shape: list[int]) -> Any:
        """Which sides may be resized; None when none may."""
        signature = self._budget.numbers(table.ShapeSignatureLength(), table.ShapeSignatureAsNumpy)
        if all(side >= 0 for side in signature):
            return None
        fits = len(signature) == len(shape) and all(
            asked in (_MISSING, side) for asked, side in zip(signature, shape, strict=True)
        )
        require(fits, "has a tensor of an odd shape")
        return np.array(signature, "<i4")

    def _scales(self, table: Any, kind: str, shape: list[int]) -> Any:
        if table is None:
            return None
        require(not table.DetailsType(), "has custom or block-wise quantisation")
        if kind not in _SCALED or not table.ScaleLength():
            return None
        scales = self._budget.numbers(table.ScaleLength(), table.ScaleAsNumpy)
        zeros = self._budget.numbers(table.ZeroPointLength(), table.ZeroPointAsNumpy)
        axis = table.QuantizedDimension()
        along = shape[axis] if 0 <= axis < len(shape) else 0
        if len(scales) == 1 != along:
            axis = 0  # one scale for all: nobody reads along which side
        lowest, highest = _SCALED[kind]
        sound = (
            len(scales) in (1, along)
            and len(zeros) in (1, len(scales))
            and all(np.isfinite(scale) and scale >= 0 for scale in scales)
            and all(lowest <= zero <= highest for zero in zeros)
        )
        require(sound, "has scales that do not fit their tensor")
        return self._schema.QuantizationParametersT(
            scale=np.array(scales, "<f4"),
            zeroPoint=np.array(zeros, "<i8"),
            quantizedDimension=axis,
        )
