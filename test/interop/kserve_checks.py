"""KServe's client beside a server that it knows nothing of. Run by public-clients.test.ts."""

import asyncio

import numpy
from checks import A, B, GRPC, REST, check, run_checks
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


def kserve_request():
    tensors = []
    for name, value in (("a", A), ("b", B)):
        tensor = InferInput(name=name, shape=list(value.shape), datatype="FP32")
        tensor.set_data_from_numpy(value, binary_data=False)
        tensors.append(tensor)
    return InferRequest(model_name="model", infer_inputs=tensors)


@check
def kserve_rest_v2():
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        base = f"http://{REST}"
        assert await client.is_server_live(base) and await client.is_server_ready(base)
        assert await client.is_model_ready(base, "model")
        answer = await client.infer(base, kserve_request(), model_name="model")
        values = {output.name: output.as_numpy() for output in answer.outputs}
        numpy.testing.assert_array_equal(values["sum"].reshape(2, 2), A + B)
        await client.close()

    asyncio.run(run())


@check
def kserve_rest_v1():
    async def run():
        client = InferenceRESTClient(RESTConfig(protocol="v1"))
        base = f"http://{REST}"
        assert await client.is_model_ready(base, "model")
        rows = [{"a": a.tolist(), "b": b.tolist()} for a, b in zip(A, B)]
        answer = await client.infer(base, {"instances": rows}, model_name="model")
        assert answer["predictions"][1] == {"sum": [33, 44], "difference": [-27, -36]}, answer
        await client.close()

    asyncio.run(run())


@check
def kserve_grpc():
    async def run():
        async with InferenceGRPCClient(GRPC) as client:
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("model")
            answer = await client.infer(kserve_request())
            values = {output.name: output.as_numpy() for output in answer.outputs}
            numpy.testing.assert_array_equal(values["difference"].reshape(2, 2), A - B)

    asyncio.run(run())


run_checks()
