"""Operators that only move or sum up elements, for `OnnxModel`."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def tensor(proto):
    return torch.from_numpy(np.array(numpy_helper.to_array(proto)))


class ShapeOperators:
    # Reductions

    @staticmethod
    def _axes(x, a):
        axes = x[1].tolist() if len(x) > 1 and x[1] is not None else a.get("axes")
        if axes is None or len(axes) == 0:
            return None if a.get("noop_with_empty_axes") else list(range(x[0].dim()))
        return list(axes)

    def _reduce(self, x, a, function):
        axes = self._axes(x, a)
        return x[0] if axes is None else function(x[0], axes, bool(a.get("keepdims", 1)))

    def op_ReduceSum(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.sum(d, keepdim=k))

    def op_ReduceMean(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.mean(d, keepdim=k))

    def op_ReduceMax(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.amax(d, keepdim=k))

    def op_ReduceMin(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.amin(d, keepdim=k))

    def op_ReduceL1(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.abs().sum(d, keepdim=k))

    def op_ReduceL2(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.pow(2).sum(d, keepdim=k).sqrt())

    def op_ReduceSumSquare(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.pow(2).sum(d, keepdim=k))

    def op_ReduceLogSum(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: v.sum(d, keepdim=k).log())

    def op_ReduceLogSumExp(self, x, a, n):
        return self._reduce(x, a, lambda v, d, k: torch.logsumexp(v, d, keepdim=k))

    def op_ReduceProd(self, x, a, n):
        def product(v, d, k):
            for axis in sorted((axis % v.dim() for axis in d), reverse=True):
                v = v.prod(axis, keepdim=k)
            return v

        return self._reduce(x, a, product)

    def op_CumSum(self, x, a, n):
        axis = int(x[1])
        value = x[0].flip(axis) if a.get("reverse") else x[0]
        total = value.cumsum(axis)
        if a.get("exclusive"):
            total = total - value
        return total.flip(axis) if a.get("reverse") else total

    # Shapes

    def op_Shape(self, x, a, n):
        return torch.tensor(x[0].shape)[a.get("start", 0) : a.get("end", None)]

    def op_Constant(self, x, a, n):
        if "value" in a:
            return tensor(a["value"])
        name, value = next(iter(a.items()))
        return torch.tensor(value, dtype=torch.float32 if "float" in name else torch.int64)

    def op_ConstantOfShape(self, x, a, n):
        value = tensor(a["value"]) if "value" in a else torch.zeros(1)
        return torch.full(x[0].tolist(), value.item(), dtype=value.dtype)

    def op_Reshape(self, x, a, n):
        shape = [x[0].shape[i] if size == 0 and not a.get("allowzero") else size for i, size in enumerate(x[1].tolist())]
        return x[0].reshape(shape)

    def op_Flatten(self, x, a, n):
        axis = a.get("axis", 1)
        axis = axis + x[0].dim() if axis < 0 else axis
        return x[0].reshape(math.prod(x[0].shape[:axis]), -1)

    def op_Transpose(self, x, a, n):
        return x[0].permute(a.get("perm", list(reversed(range(x[0].dim())))))

    def op_Squeeze(self, x, a, n):
        axes = x[1].tolist() if len(x) > 1 else [i for i, size in enumerate(x[0].shape) if size == 1]
        value = x[0]
        for axis in sorted((axis % x[0].dim() for axis in axes), reverse=True):
            value = value.squeeze(axis)
        return value

    def op_Unsqueeze(self, x, a, n):
        rank = x[0].dim() + len(x[1])
        value = x[0]
        for axis in sorted(axis % rank for axis in x[1].tolist()):
            value = value.unsqueeze(axis)
        return value

    def op_Concat(self, x, a, n):
        return torch.cat(x, a["axis"])

    def op_Split(self, x, a, n):
        axis = a.get("axis", 0)
        if len(x) > 1 and x[1] is not None:
            return torch.split(x[0], x[1].tolist(), axis)
        return torch.chunk(x[0], a.get("num_outputs", len(n.output)), axis)

    def op_Slice(self, x, a, n):
        starts, ends = x[1].tolist(), x[2].tolist()
        axes = x[3].tolist() if len(x) > 3 and x[3] is not None else list(range(len(starts)))
        steps = x[4].tolist() if len(x) > 4 and x[4] is not None else [1] * len(starts)
        value = x[0]
        for start, end, axis, step in zip(starts, ends, axes, steps):
            picked = list(range(*slice(start, end if end > -(2**31) else None, step).indices(value.shape[axis])))
            value = value.index_select(axis, torch.tensor(picked, dtype=torch.int64))
        return value

    def op_Pad(self, x, a, n):
        pads = x[1].tolist()
        axes = x[3].tolist() if len(x) > 3 and x[3] is not None else list(range(x[0].dim()))
        whole = [[0, 0] for _ in range(x[0].dim())]
        for i, axis in enumerate(axes):
            whole[axis] = [pads[i], pads[len(axes) + i]]
        mode = a.get("mode", b"constant").decode()
        fill = float(x[2].detach()) if len(x) > 2 and x[2] is not None else 0.0
        if mode == "constant":
            return F.pad(x[0], [p for pair in reversed(whole) for p in pair], value=fill)
        value = x[0]
        for axis, (begin, end) in enumerate(whole):
            size = value.shape[axis]
            index = [i for i in range(-begin, size + end)]
            if mode == "edge":
                index = [min(max(i, 0), size - 1) for i in index]
            elif mode == "wrap":
                index = [i % size for i in index]
            else:
                index = [abs(i) if i < size else 2 * (size - 1) - i for i in index]
            value = value.index_select(axis, torch.tensor(index))
        return value

    def op_Expand(self, x, a, n):
        return x[0] * torch.ones(x[1].tolist(), dtype=x[0].dtype)

    def op_Tile(self, x, a, n):
        return x[0].repeat(x[1].tolist())

    def op_Gather(self, x, a, n):
        axis = a.get("axis", 0) % x[0].dim()
        index = torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1])
        picked = x[0].index_select(axis, index.reshape(-1))
        return picked.reshape([*x[0].shape[:axis], *index.shape, *x[0].shape[axis + 1 :]])

    def op_GatherElements(self, x, a, n):
        axis = a.get("axis", 0)
        return torch.gather(x[0], axis, torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1]))

    def op_GatherND(self, x, a, n):
        if a.get("batch_dims", 0):
            raise NotImplementedError("GatherND with batch_dims")
        return x[0][tuple(x[1].movedim(-1, 0))]

    def op_ScatterElements(self, x, a, n):
        axis = a.get("axis", 0)
        if a.get("reduction", b"none").decode() == "add":
            return x[0].scatter_add(axis, x[1], x[2])
        return x[0].scatter(axis, x[1], x[2])

    def op_ScatterND(self, x, a, n):
        accumulate = a.get("reduction", b"none").decode() == "add"
        return x[0].index_put(tuple(x[1].movedim(-1, 0)), x[2], accumulate)

    def op_TopK(self, x, a, n):
        return torch.topk(x[0], int(x[1]), a.get("axis", -1), bool(a.get("largest", 1)))

    def op_Trilu(self, x, a, n):
        diagonal = int(x[1]) if len(x) > 1 and x[1] is not None else 0
        return torch.triu(x[0], diagonal) if a.get("upper", 1) else torch.tril(x[0], diagonal)

    def op_DepthToSpace(self, x, a, n):
        if a.get("mode", b"DCR").decode() == "CRD":
            return F.pixel_shuffle(x[0], a["blocksize"])
        size, (batch, channels, height, width) = a["blocksize"], x[0].shape
        cut = x[0].reshape(batch, size, size, channels // size**2, height, width)
        return cut.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // size**2, height * size, width * size)

    def op_SpaceToDepth(self, x, a, n):
        size, (batch, channels, height, width) = a["blocksize"], x[0].shape
        cut = x[0].reshape(batch, channels, height // size, size, width // size, size)
        return cut.permute(0, 3, 5, 1, 2, 4).reshape(batch, channels * size**2, height // size, width // size)

    def op_Equal(self, x, a, n):
        return x[0] == x[1]

    def op_Greater(self, x, a, n):
        return x[0] > x[1]

    def op_Less(self, x, a, n):
        return x[0] < x[1]

    def op_Not(self, x, a, n):
        return ~x[0]
