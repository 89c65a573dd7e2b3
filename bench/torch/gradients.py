"""Gradients of the mean squared error for each case in the folders of a folder: raw float32 beside it, one file for a weight."""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

from onnx_model import OnnxModel

torch.set_num_threads(1)
failed = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if not path.is_dir():
        continue
    case = json.loads((path / "case.json").read_text())

    def read(name, shape):
        return torch.from_numpy(np.fromfile(path / name, "<f4").reshape(shape).copy())

    try:
        model = OnnxModel((path / "model.onnx").read_bytes())
        inputs = {name: read(f"input-{i}.bin", shape) for i, (name, shape) in enumerate(case["inputs"])}
        predictions = model(inputs)["predictions"]
        loss = F.mse_loss(predictions, read("labels.bin", predictions.shape))
        weights = [model.parameters[name] for name in case["weights"]]
        for i, gradient in enumerate(torch.autograd.grad(loss, weights, allow_unused=True)):
            result = torch.zeros_like(weights[i]) if gradient is None else gradient
            result.detach().numpy().astype("<f4").tofile(path / f"gradient-{i}.bin")
    except (NotImplementedError, RuntimeError, KeyError, TypeError, ValueError, IndexError) as error:
        failed[path.name] = f"{type(error).__name__}: {error}"
print(json.dumps({"failed": failed}))
