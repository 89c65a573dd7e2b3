"""KernelExplainer on an ONNX model with one thread: reads `{model, row, background, runs}`, prints values and the milliseconds of each run."""

import base64
import json
import sys
import time

import numpy as np
import onnxruntime
import shap

case = json.load(sys.stdin)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    base64.b64decode(case["model"]), options, providers=["CPUExecutionProvider"]
)


def predict(rows):
    return session.run(None, {"x": np.asarray(rows, dtype=np.float32)})[0]


explainer = shap.KernelExplainer(predict, np.array(case["background"]))
row, milliseconds = np.array(case["row"]), []
for _ in range(case["runs"]):
    start = time.perf_counter()
    values = explainer.shap_values(row, l1_reg=False, silent=True)
    milliseconds.append(1000 * (time.perf_counter() - start))
print(json.dumps({"values": np.asarray(values).tolist(), "milliseconds": milliseconds}))
