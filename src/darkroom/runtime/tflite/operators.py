"""The operators of a TFLite file that may leave, each with the options that it reads.

A closed list: custom operators carry code names and bytes of their own, random ones make a
model that cannot be compared with itself, hash tables hold texts, StableHLO takes free
texts. An operator that reads no options is written without any.
"""

# operator -> name of its options table; "" where the interpreter reads none
OPTIONS: dict[str, str] = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions",
    "BIDIRECTIONAL_SEQUENCE_RNN": "BidirectionalSequenceRNNOptions",
    "CALL_ONCE": "CallOnceOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "CONV_3D": "Conv3DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "CUMSUM": "CumsumOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DIV": "DivOptions",
    "FAKE_QUANT": "FakeQuantOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "GELU": "GeluOptions",
    "IF": "IfOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions",
    "LSTM": "LSTMOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "MUL": "MulOptions",
    "ONE_HOT": "OneHotOptions",
    "PACK": "PackOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "REVERSE_SEQUENCE": "ReverseSequenceOptions",
    "RNN": "RNNOptions",
    "SHAPE": "ShapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPARSE_TO_DENSE": "SparseToDenseOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "SVDF": "SVDFOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "UNIQUE": "UniqueOptions",
    "UNPACK": "UnpackOptions",
    "VAR_HANDLE": "VarHandleOptions",
    "WHILE": "WhileOptions",
} | dict.fromkeys(
    (
        *("ABS", "ADD_N", "ASSIGN_VARIABLE", "ATAN2", "BATCH_TO_SPACE_ND", "BITCAST"),
        *("BITWISE_XOR", "BROADCAST_ARGS", "BROADCAST_TO", "CEIL", "COMPLEX_ABS", "COS"),
        *("DEQUANTIZE", "DYNAMIC_UPDATE_SLICE", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP"),
        *("EXPAND_DIMS", "FILL", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "GATHER_ND", "GREATER"),
        *("GREATER_EQUAL", "HARD_SWISH", "IMAG", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND"),
        *("LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "LOG_SOFTMAX", "MATRIX_DIAG"),
        *("MATRIX_SET_DIAG", "MAXIMUM", "MINIMUM", "NEG", "NON_MAX_SUPPRESSION_V4"),
        *("NON_MAX_SUPPRESSION_V5", "NOT_EQUAL", "PAD", "PADV2", "POW", "PRELU", "QUANTIZE"),
        *("RANGE", "RANK", "READ_VARIABLE", "REAL", "RELU", "RELU6", "RELU_0_TO_1"),
        *("RELU_N1_TO_1", "REVERSE_V2", "RFFT2D", "RIGHT_SHIFT", "ROUND", "RSQRT"),
        *("SCATTER_ND", "SEGMENT_SUM", "SELECT", "SELECT_V2", "SIGN", "SIN", "SLICE"),
        *("SPACE_TO_BATCH_ND", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "TANH", "TILE"),
        *("TOPK_V2", "TRANSPOSE", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN"),
        *("UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM", "WHERE", "ZEROS_LIKE"),
    ),
    "",
)

# operators that know what to do without one of their inputs; others crash the interpreter
WITH_GAPS = (
    *("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_2D", "CONV_3D"),
    *("CONV_3D_TRANSPOSE", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LSTM", "SVDF"),
    *("TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
)

# fields of options that name another subgraph
CALLS = {
    "IfOptions": ("thenSubgraphIndex", "elseSubgraphIndex"),
    "WhileOptions": ("condSubgraphIndex", "bodySubgraphIndex"),
    "CallOnceOptions": ("initSubgraphIndex",),
}

# fields with few values; the file has room for more
HIGHEST = {
    "padding": 1,
    "fusedActivationFunction": 5,
    "mode": 1,
    "weightsFormat": 1,
    "kernelType": 1,
    **dict.fromkeys(("inDataType", "outDataType", "outputType", "outType", "idxOutType"), 19),
    "quantizedBiasType": 19,
}
