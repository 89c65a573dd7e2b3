"""KServe's Python server: kserve_server.py NAME MODEL HTTP_PORT GRPC_PORT, after which KServe reads no arguments."""

import logging
import sys
import uuid

name, path, http_port, grpc_port = sys.argv[1:5]
del sys.argv[1:]

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer  # noqa: E402
from onnx_session import OnnxSession  # noqa: E402


class OnnxModel(Model):
    def load(self) -> bool:
        self.session = OnnxSession(path)
        self.ready = True
        return self.ready

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        y = self.session.run(payload.get_input_by_name("x").as_numpy())
        output = InferOutput(name="y", shape=list(y.shape), datatype="FP32")
        output.set_data_from_numpy(y, binary_data=payload.use_binary_outputs)
        return InferResponse(
            response_id=payload.id or str(uuid.uuid4()),
            model_name=self.name,
            infer_outputs=[output],
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


model = OnnxModel(name)
model.load()
server = ModelServer(
    http_port=int(http_port),
    grpc_port=int(grpc_port),
    workers=1,
    enable_latency_logging=False,
)
logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
server.start([model])
