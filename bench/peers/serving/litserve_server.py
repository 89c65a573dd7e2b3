"""LitServe: litserve_server.py MODEL PORT BATCH_SIZE BATCH_DELAY_MS. It takes and gives JSON objects with the field `data`."""

import sys

import litserve
import numpy
from onnx_session import OnnxSession

path = sys.argv[1]
port, batch_size, batch_delay_ms = map(int, sys.argv[2:5])


class OnnxApi(litserve.LitAPI):
    def setup(self, device):
        self.session = OnnxSession(path)

    def decode_request(self, request):
        return numpy.asarray(request["data"], dtype=numpy.float32).reshape(request["shape"])

    def batch(self, inputs):
        return numpy.concatenate(inputs)

    def predict(self, x):
        return self.session.run(x)

    def unbatch(self, output):
        return numpy.split(output, len(output))

    def encode_response(self, output):
        return {"data": output.tolist()}


if __name__ == "__main__":
    api = OnnxApi(max_batch_size=batch_size, batch_timeout=batch_delay_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=False)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, log_level="warning", generate_client_file=False)
