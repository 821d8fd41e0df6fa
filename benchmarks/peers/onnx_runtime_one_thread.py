"""ONNX Runtime in one thread: the fastest way to answer for one image."""

from benchmarks.peers import onnx_runtime


class Predictor(onnx_runtime.Predictor):
    """As there."""

    threads = 1
