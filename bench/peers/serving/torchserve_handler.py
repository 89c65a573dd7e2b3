"""A handler for TorchServe: JSON objects with the fields `shape` and `data`, or the bytes of a tensor of the model's own shape."""

import os

import numpy
from onnx_session import OnnxSession

session = None
shape = None


def handle(rows, context):
    global session, shape
    if session is None:
        folder = context.system_properties["model_dir"]
        session = OnnxSession(os.path.join(folder, "model.onnx"))
        shape = [int(size) for size in os.environ["BENCH_SHAPE"].split(",")]
    if rows is None:
        return None
    bodies = [row.get("body", row.get("data")) for row in rows]
    for index in range(len(bodies)):
        # Without a phrase in its status line h2load does not count the answer.
        context.set_response_status(code=200, phrase="OK", idx=index)
    outputs = session.run(numpy.concatenate([decoded(body) for body in bodies]))
    return [encoded(body, y) for body, y in zip(bodies, numpy.split(outputs, len(bodies)))]


def decoded(body):
    if isinstance(body, dict):
        return numpy.asarray(body["data"], dtype=numpy.float32).reshape(body["shape"])
    return numpy.frombuffer(body, dtype=numpy.float32).reshape(shape)


def encoded(body, y):
    return {"data": y.tolist()} if isinstance(body, dict) else y.tobytes()
