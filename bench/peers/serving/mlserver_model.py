"""A model for MLServer, which has none of its own for ONNX. Its settings name this class."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnx_session import OnnxSession


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self._session = OnnxSession(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = NumpyCodec.decode_input(payload.inputs[0])
        y = NumpyCodec.encode_output("y", self._session.run(x))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[y])
