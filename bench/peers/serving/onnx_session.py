"""What every server here runs: ONNX Runtime with one thread, one FLOAT input `x`, one FLOAT output `y`."""

import numpy
import onnxruntime


class OnnxSession:
    def __init__(self, path: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, x: numpy.ndarray) -> numpy.ndarray:
        return self._session.run(["y"], {"x": x})[0]
