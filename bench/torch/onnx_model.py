"""Runs an ONNX graph with PyTorch, so that autograd differentiates it: the reference for gradients and trajectories."""

import math

import onnx
import torch
import torch.nn.functional as F

from shape_operators import ShapeOperators, tensor

DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}


class OnnxModel(ShapeOperators):
    """`parameters`: float32 initializers by name, each with requires_grad; `buffers`: running statistics of BatchNormalization."""

    def __init__(self, model_bytes, training=True):
        model = onnx.load_model_from_string(model_bytes)
        self.graph = model.graph
        self.training = training
        self.opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        self.constants, self.parameters, self.buffers = {}, {}, {}
        statistics = {
            name for node in self.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]
        }
        for proto in self.graph.initializer:
            value = tensor(proto)
            if proto.name in statistics:
                self.buffers[proto.name] = value
            elif value.dtype == torch.float32:
                self.parameters[proto.name] = value.requires_grad_(True)
            else:
                self.constants[proto.name] = value

    def __call__(self, inputs):
        """`inputs`: tensors by name. Returns the graph's outputs by name."""
        values = {"": None, **self.constants, **self.parameters, **self.buffers, **inputs}
        for node in self.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            operator = getattr(self, "op_" + node.op_type, None)
            if operator is None:
                raise NotImplementedError(node.op_type)
            results = operator([values[name] for name in node.input], attributes, node)
            if not isinstance(results, (tuple, list)):
                results = (results,)
            for name, value in zip(node.output, results):
                values[name] = value
        return {output.name: values[output.name] for output in self.graph.output}

    # Arithmetic

    def op_Add(self, x, a, n):
        return x[0] + x[1]

    def op_Sub(self, x, a, n):
        return x[0] - x[1]

    def op_Mul(self, x, a, n):
        return x[0] * x[1]

    def op_Div(self, x, a, n):
        return x[0] / x[1]

    def op_Pow(self, x, a, n):
        return torch.pow(x[0], x[1])

    def op_Sum(self, x, a, n):
        total = x[0]
        for other in x[1:]:
            total = total + other
        return total

    def op_Mean(self, x, a, n):
        return self.op_Sum(x, a, n) / len(x)

    def op_Neg(self, x, a, n):
        return -x[0]

    def op_Abs(self, x, a, n):
        return x[0].abs()

    def op_Sqrt(self, x, a, n):
        return x[0].sqrt()

    def op_Reciprocal(self, x, a, n):
        return x[0].reciprocal()

    def op_Exp(self, x, a, n):
        return x[0].exp()

    def op_Log(self, x, a, n):
        return x[0].log()

    def op_Erf(self, x, a, n):
        return torch.erf(x[0])

    def op_Min(self, x, a, n):
        value = x[0]
        for other in x[1:]:
            value = torch.minimum(value, other)
        return value

    def op_Max(self, x, a, n):
        value = x[0]
        for other in x[1:]:
            value = torch.maximum(value, other)
        return value

    def op_Where(self, x, a, n):
        return torch.where(x[0], x[1], x[2])

    def op_Identity(self, x, a, n):
        return x[0]

    def op_Cast(self, x, a, n):
        return x[0].to(DTYPES[a["to"]])

    def op_Sin(self, x, a, n):
        return x[0].sin()

    def op_Cos(self, x, a, n):
        return x[0].cos()

    def op_Tan(self, x, a, n):
        return x[0].tan()

    def op_Asin(self, x, a, n):
        return x[0].asin()

    def op_Acos(self, x, a, n):
        return x[0].acos()

    def op_Atan(self, x, a, n):
        return x[0].atan()

    def op_Sinh(self, x, a, n):
        return x[0].sinh()

    def op_Cosh(self, x, a, n):
        return x[0].cosh()

    def op_Asinh(self, x, a, n):
        return x[0].asinh()

    def op_Acosh(self, x, a, n):
        return x[0].acosh()

    def op_Atanh(self, x, a, n):
        return x[0].atanh()

    # Activations

    def op_Relu(self, x, a, n):
        return F.relu(x[0])

    def op_LeakyRelu(self, x, a, n):
        return F.leaky_relu(x[0], a.get("alpha", 0.01))

    def op_PRelu(self, x, a, n):
        return torch.where(x[0] > 0, x[0], x[0] * x[1])

    def op_Elu(self, x, a, n):
        return F.elu(x[0], a.get("alpha", 1.0))

    def op_Selu(self, x, a, n):
        alpha, gamma = a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)
        return gamma * torch.where(x[0] > 0, x[0], alpha * (x[0].exp() - 1))

    def op_Celu(self, x, a, n):
        return F.celu(x[0], a.get("alpha", 1.0))

    def op_ThresholdedRelu(self, x, a, n):
        return torch.where(x[0] > a.get("alpha", 1.0), x[0], torch.zeros_like(x[0]))

    def op_HardSigmoid(self, x, a, n):
        return (a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5)).clamp(0, 1)

    def op_HardSwish(self, x, a, n):
        return F.hardswish(x[0])

    def op_Mish(self, x, a, n):
        return F.mish(x[0])

    def op_Swish(self, x, a, n):
        return x[0] * torch.sigmoid(a.get("alpha", 1.0) * x[0])

    def op_Softplus(self, x, a, n):
        return F.softplus(x[0])

    def op_Softsign(self, x, a, n):
        return F.softsign(x[0])

    def op_Sigmoid(self, x, a, n):
        return torch.sigmoid(x[0])

    def op_Tanh(self, x, a, n):
        return torch.tanh(x[0])

    def op_Gelu(self, x, a, n):
        return F.gelu(x[0], approximate=a.get("approximate", b"none").decode())

    def op_Clip(self, x, a, n):
        low = x[1] if len(x) > 1 else None
        high = x[2] if len(x) > 2 else None
        return torch.clamp(x[0], low, high)

    def op_Softmax(self, x, a, n):
        return F.softmax(x[0], a.get("axis", -1))

    def op_LogSoftmax(self, x, a, n):
        return F.log_softmax(x[0], a.get("axis", -1))

    def op_Dropout(self, x, a, n):
        return x[0]

    # Matrices

    def op_MatMul(self, x, a, n):
        return x[0] @ x[1]

    def op_Gemm(self, x, a, n):
        left = x[0].T if a.get("transA") else x[0]
        right = x[1].T if a.get("transB") else x[1]
        product = a.get("alpha", 1.0) * (left @ right)
        return product if len(x) < 3 or x[2] is None else product + a.get("beta", 1.0) * x[2]

    def op_Einsum(self, x, a, n):
        return torch.einsum(a["equation"].decode(), *x)

    # Convolution and pooling

    @staticmethod
    def _padding(x, a, kernel, strides, dilations):
        rank = len(kernel)
        auto = a.get("auto_pad", b"NOTSET").decode()
        if auto in ("NOTSET", ""):
            pads = list(a.get("pads", [0] * (2 * rank)))
        elif auto == "VALID":
            pads = [0] * (2 * rank)
        else:
            begins, ends = [], []
            for i in range(rank):
                size = x.shape[2 + i]
                out = math.ceil(size / strides[i])
                total = max(0, (out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size)
                small, large = total // 2, total - total // 2
                begins.append(small if auto == "SAME_UPPER" else large)
                ends.append(large if auto == "SAME_UPPER" else small)
            pads = begins + ends
        flat = []
        for i in reversed(range(rank)):
            flat += [pads[i], pads[rank + i]]
        return pads, flat

    def op_Conv(self, x, a, n):
        kernel = list(a.get("kernel_shape", x[1].shape[2:]))
        rank = len(kernel)
        strides, dilations = list(a.get("strides", [1] * rank)), list(a.get("dilations", [1] * rank))
        _, flat = self._padding(x[0], a, kernel, strides, dilations)
        conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
        bias = x[2] if len(x) > 2 else None
        return conv(F.pad(x[0], flat), x[1], bias, strides, 0, dilations, a.get("group", 1))

    def op_ConvTranspose(self, x, a, n):
        kernel = list(a.get("kernel_shape", x[1].shape[2:]))
        rank = len(kernel)
        strides, dilations = list(a.get("strides", [1] * rank)), list(a.get("dilations", [1] * rank))
        pads, extra = list(a.get("pads", [0] * (2 * rank))), list(a.get("output_padding", [0] * rank))
        conv = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}[rank]
        bias = x[2] if len(x) > 2 else None
        full = conv(x[0], x[1], None, strides, 0, 0, a.get("group", 1), dilations)
        for i in range(rank):
            size = (x[0].shape[2 + i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + extra[i]
            missing = size - full.shape[2 + i]
            if missing > 0:
                flat = [0] * (2 * rank)
                flat[2 * (rank - 1 - i) + 1] = missing
                full = F.pad(full, flat)
            full = full.narrow(2 + i, pads[i], size - pads[i] - pads[rank + i])
        return full if bias is None else full + bias.reshape([1, -1] + [1] * rank)

    def op_MaxPool(self, x, a, n):
        kernel = list(a["kernel_shape"])
        rank = len(kernel)
        strides, dilations = list(a.get("strides", [1] * rank)), list(a.get("dilations", [1] * rank))
        _, flat = self._padding(x[0], a, kernel, strides, dilations)
        pool = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[rank]
        padded = F.pad(x[0], flat, value=-math.inf) if any(flat) else x[0]
        return pool(padded, kernel, strides, 0, dilations, bool(a.get("ceil_mode", 0)))

    def op_AveragePool(self, x, a, n):
        kernel = list(a["kernel_shape"])
        rank = len(kernel)
        strides = list(a.get("strides", [1] * rank))
        dilations = list(a.get("dilations", [1] * rank))
        _, flat = self._padding(x[0], a, kernel, strides, dilations)
        channels = x[0].shape[1]
        ones = torch.ones([channels, 1, *kernel], dtype=x[0].dtype)
        conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
        total = conv(F.pad(x[0], flat), ones, None, strides, 0, dilations, channels)
        counted = torch.ones_like(x[0])
        counted = F.pad(counted, flat, value=1.0 if a.get("count_include_pad", 0) else 0.0)
        return total / conv(counted, ones, None, strides, 0, dilations, channels)

    def op_GlobalAveragePool(self, x, a, n):
        return x[0].mean(dim=list(range(2, x[0].dim())), keepdim=True)

    def op_GlobalMaxPool(self, x, a, n):
        return x[0].amax(dim=list(range(2, x[0].dim())), keepdim=True)

    def op_LpPool(self, x, a, n):
        raise NotImplementedError("LpPool")

    # Normalization

    def op_BatchNormalization(self, x, a, n):
        momentum = 1.0 - a.get("momentum", 0.9)
        mean, variance = x[3].clone(), x[4].clone()
        y = F.batch_norm(x[0], mean, variance, x[1], x[2], self.training, momentum, a.get("epsilon", 1e-5))
        if self.training:
            self.buffers.update(zip(n.input[3:5], (mean, variance)))
        return y, mean, variance

    def op_LayerNormalization(self, x, a, n):
        axis = a.get("axis", -1) % x[0].dim()
        return F.layer_norm(x[0], x[0].shape[axis:], x[1], x[2] if len(x) > 2 else None, a.get("epsilon", 1e-5))

    def op_RMSNormalization(self, x, a, n):
        axis = a.get("axis", -1) % x[0].dim()
        dims = list(range(axis, x[0].dim()))
        return x[0] * torch.rsqrt(x[0].pow(2).mean(dims, keepdim=True) + a.get("epsilon", 1e-5)) * x[1]

    def op_InstanceNormalization(self, x, a, n):
        return F.instance_norm(x[0], weight=x[1], bias=x[2], eps=a.get("epsilon", 1e-5))

    def op_GroupNormalization(self, x, a, n):
        groups, epsilon = a["num_groups"], a.get("epsilon", 1e-5)
        if x[1].shape[0] == x[0].shape[1]:
            return F.group_norm(x[0], groups, x[1], x[2], epsilon)
        repeat = x[0].shape[1] // groups
        return F.group_norm(x[0], groups, x[1].repeat_interleave(repeat), x[2].repeat_interleave(repeat), epsilon)

    def op_LpNormalization(self, x, a, n):
        axis, p = a.get("axis", -1), a.get("p", 2)
        return x[0] / x[0].norm(p, axis, keepdim=True)
