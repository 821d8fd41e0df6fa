"""ONNX Runtime: Cast, Mul, Gemm, Relu, Gemm, Softmax in one graph, which it optimizes; threads as it chooses."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

from benchmarks import contenders
from benchmarks.contenders import Array, Weights
from benchmarks.work import CLASSES, PIXELS

OPSET, IR_VERSION = 17, 9  # of 2022 and 2023: every runtime since then reads them


def make_model(weights: Weights) -> bytes:
    """``images (n, 784) uint8`` → ``probabilities (n, 10)``."""
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "scale"], ["x0"]),
    ]
    constants = [numpy_helper.from_array(np.array(1 / 255, np.float32), "scale")]
    for number, (w, b) in enumerate(weights):
        constants += [numpy_helper.from_array(w, f"w{number}"), numpy_helper.from_array(b, f"b{number}")]
        last = number == len(weights) - 1
        after = ("Softmax", "probabilities") if last else ("Relu", f"x{number + 1}")
        nodes.append(helper.make_node("Gemm", [f"x{number}", f"w{number}", f"b{number}"], [f"z{number}"]))
        nodes.append(helper.make_node(after[0], [f"z{number}"], [after[1]]))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", PIXELS])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", CLASSES])
    graph = helper.make_graph(nodes, "digits", [images], [probabilities], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


class Predictor(contenders.Predictor):
    """An ``InferenceSession`` on the CPU."""

    threads = 0  # 0 lets the runtime choose

    def prepare(self) -> None:  # noqa: D102
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        self.session = onnxruntime.InferenceSession(
            make_model(self.weights), options, providers=["CPUExecutionProvider"]
        )

    def probabilities(self, images: Array) -> Array:  # noqa: D102
        answer: Array = self.session.run(None, {"images": images})[0]
        return answer
