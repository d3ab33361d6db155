"""A TFLite file read with its published schema, and written again in one canonical form.

Of the file that came in nothing is copied but what the interpreter computes with: the
operators in their order with their options, the tensors that they touch, the numbers of
the constants, the scales. Gone are descriptions, metadata, signatures, names, tensors,
buffers and subgraphs that nothing refers to, paddings, the order of the tables, and what
stands behind the end. Equal models give equal bytes; written twice is written once.

Inputs are called `input_00`, …, in order, and outputs `output_00`, … in the order of their
names before, for decoders sort by them. No other name is left.

Nothing is trusted on the way: every count is bounded before it is used, the bytes written
by the bytes that came in, every index is checked, and what the schema's own code trips
over is refused. Open, and known to be: the numbers of the constants, and the graph itself.
"""

from darkroom.runtime.tflite.bounds import RefusedModelError
from darkroom.runtime.tflite.file import Rewritten, rewrite


__all__ = ["RefusedModelError", "Rewritten", "rewrite"]
