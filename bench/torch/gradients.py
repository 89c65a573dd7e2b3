"""Gradients of the sum of every output times its weights, for each case in a folder: written as raw float32 beside it."""

import json
import pathlib
import sys

import numpy as np
import torch

from onnx_model import OnnxModel

DTYPES = {"FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "BOOL": "?"}

for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    case = json.loads((path / "case.json").read_text())
    model = OnnxModel((path / "model.onnx").read_bytes())
    inputs = {
        name: torch.from_numpy(np.fromfile(path / f"input-{i}.bin", DTYPES[dtype]).reshape(shape).copy())
        for i, (name, dtype, shape) in enumerate(case["inputs"])
    }
    outputs = model(inputs)
    total = 0
    for i, (name, shape) in enumerate(case["outputs"]):
        weights = torch.from_numpy(np.fromfile(path / f"weights-{i}.bin", "<f4").reshape(shape).copy())
        total = total + (outputs[name] * weights).sum()
    wanted = [model.parameters[name] for name in case["parameters"]]
    gradients = torch.autograd.grad(total, wanted, allow_unused=True)
    for i, (value, gradient) in enumerate(zip(wanted, gradients)):
        result = torch.zeros_like(value) if gradient is None else gradient
        result.detach().numpy().astype("<f4").tofile(path / f"gradient-{i}.bin")
