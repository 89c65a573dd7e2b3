"""What the benchmarks hand over: a folder with `case.json`, `model.onnx` and raw little-endian arrays."""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

from onnx_model import OnnxModel

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "case.json").read_text())


def array(name, dtype, shape):
    return torch.from_numpy(np.fromfile(folder / name, dtype=dtype).reshape(shape).copy())


def model(training=True):
    return OnnxModel((folder / "model.onnx").read_bytes(), training)


def loss_of(outputs, labels):
    prediction = outputs[case["output"]]
    return F.cross_entropy(prediction, labels) if case["loss"] == "CrossEntropy" else F.mse_loss(prediction, labels)


def optimizer_of(parameters, spec):
    name, rate, decay = spec["name"], spec["learningRate"], spec["weightDecay"]
    if name == "SGD":
        return torch.optim.SGD(parameters, rate, weight_decay=decay)
    if name in ("Momentum", "Nesterov"):
        return torch.optim.SGD(
            parameters, rate, momentum=spec["momentum"], nesterov=name == "Nesterov", weight_decay=decay
        )
    if name == "Adagrad":
        return torch.optim.Adagrad(parameters, rate, weight_decay=decay, eps=spec["epsilon"])
    kind = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}[name]
    return kind(parameters, rate, (spec["beta1"], spec["beta2"]), spec["epsilon"], decay)


def schedule_of(optimizer, spec, steps):
    """The rate falls from the first step on, and is 0 at the last one."""
    name = spec["name"]
    if spec["warmupSteps"] > 0:
        raise NotImplementedError("warmupSteps")
    if name == "Cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - 1)
    if name == "Linear":
        return torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps - 1)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, 1)


def data():
    """Inputs float32 and labels of all rows."""
    inputs = array("inputs.bin", "<f4", case["inputShape"])
    if case["loss"] == "CrossEntropy":
        return inputs, array("labels.bin", "<i8", [-1])
    return inputs, array("labels.bin", "<f4", [inputs.shape[0], -1])


def finish(result):
    print(json.dumps(result))
