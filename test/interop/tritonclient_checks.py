"""tritonclient, and gRPC's own health and reflection, beside a server that they know nothing of. Run by public-clients.test.ts."""

import asyncio
import queue

import grpc
import numpy
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from checks import A, B, GRPC, REST, TEXT_GRPC, TEXT_REST, check, run_checks
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException


def inputs(module, **options):
    made = []
    for name, value in (("a", A), ("b", B)):
        tensor = module.InferInput(name, value.shape, "FP32")
        tensor.set_data_from_numpy(value, **options)
        made.append(tensor)
    return made


def expect_sum(result):
    numpy.testing.assert_array_equal(result.as_numpy("sum"), A + B)
    numpy.testing.assert_array_equal(result.as_numpy("difference"), A - B)


def expect_failure(call, status, text):
    try:
        call()
    except InferenceServerException as error:
        assert status in str(error.status()), (error.status(), error.message())
        assert text in error.message(), error.message()
    else:
        raise AssertionError("it did not fail")


def expect_descriptions(client, as_json):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("model") and client.is_model_ready("model", "1")
    server = client.get_server_metadata(**as_json)
    assert server["name"] == "modelyard" and "statistics" in server["extensions"], server
    metadata = client.get_model_metadata("model", "1", **as_json)
    assert metadata["versions"] == ["1"] and metadata["platform"] == "onnxruntime_onnx", metadata
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["a", "b"], metadata
    config = client.get_model_config("model", **as_json)
    config = config.get("config", config)
    assert config["max_batch_size"] == 32 and config["backend"] == "onnxruntime", config
    assert [int(dim) for dim in config["input"][0]["dims"]] == [2], config
    statistics = client.get_inference_statistics("model", **as_json)["model_stats"][0]
    assert int(statistics["inference_stats"]["success"]["count"]) >= 0, statistics


def expect_repository(client, index):
    assert index() == [("model", "READY")]
    client.unload_model("model")
    assert index() == [("model", "UNAVAILABLE")]
    assert client.is_server_ready() and not client.is_model_ready("model")
    client.load_model("model")
    assert index() == [("model", "READY")] and client.is_model_ready("model")


@check
def tritonclient_http_descriptions():
    with triton_http.InferenceServerClient(REST) as client:
        expect_descriptions(client, {})
        assert not client.is_model_ready("other")
        expect_failure(lambda: client.get_model_metadata("other"), "404", 'model "other" is not here')


@check
def tritonclient_http_infers_json_and_binary():
    with triton_http.InferenceServerClient(REST) as client:
        for binary in (True, False):
            outputs = [triton_http.InferRequestedOutput(name, binary_data=binary) for name in ("sum", "difference")]
            result = client.infer("model", inputs(triton_http, binary_data=binary), outputs=outputs, request_id="7")
            expect_sum(result)
            assert result.get_response()["id"] == "7" and result.get_response()["model_version"] == "1"
        expect_sum(client.infer("model", inputs(triton_http), model_version="1"))
        expect_sum(client.infer("model", inputs(triton_http), priority=1, timeout=5_000_000, sequence_id=3))
        expect_sum(client.async_infer("model", inputs(triton_http)).get_result())


@check
def tritonclient_http_classifies():
    with triton_http.InferenceServerClient(REST) as client:
        outputs = [triton_http.InferRequestedOutput("sum", class_count=1)]
        result = client.infer("model", inputs(triton_http), outputs=outputs)
        assert result.as_numpy("sum").tolist() == [[b"22:1"], [b"44:1"]], result.as_numpy("sum")


@check
def tritonclient_http_compresses():
    with triton_http.InferenceServerClient(REST) as client:
        for algorithm in ("gzip", "deflate"):
            result = client.infer(
                "model",
                inputs(triton_http),
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            expect_sum(result)


@check
def tritonclient_http_learns_what_is_wrong():
    with triton_http.InferenceServerClient(REST) as client:
        expect_failure(lambda: client.infer("model", inputs(triton_http)[:1]), "400", 'inputs: "b" is missing')
        expect_failure(lambda: client.infer("other", inputs(triton_http)), "404", "is not here")
        expect_failure(lambda: client.get_log_settings(), "404", "no such path")
        expect_failure(lambda: client.register_system_shared_memory("r", "/k", 8), "404", "no such path")


@check
def tritonclient_http_sends_text():
    with triton_http.InferenceServerClient(TEXT_REST) as client:
        for binary in (True, False):
            text = triton_http.InferInput("x", [2], "BYTES")
            text.set_data_from_numpy(numpy.array(["zwölf", ""], dtype=object), binary_data=binary)
            output = triton_http.InferRequestedOutput("y", binary_data=binary)
            result = client.infer("model", [text], outputs=[output]).as_numpy("y")
            expected = ["zwölf".encode(), b""] if binary else ["zwölf", ""]
            assert [bytes(item) if binary else str(item) for item in result] == expected, result


@check
def tritonclient_http_controls_the_repository():
    with triton_http.InferenceServerClient(REST) as client:
        expect_repository(
            client, lambda: [(model["name"], model["state"]) for model in client.get_model_repository_index()]
        )


@check
def tritonclient_http_aio_infers():
    async def run():
        async with triton_http_aio.InferenceServerClient(REST) as client:
            expect_sum(await client.infer("model", inputs(triton_http_aio)))

    asyncio.run(run())


@check
def tritonclient_grpc_descriptions():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        expect_descriptions(client, {"as_json": True})
        expect_failure(lambda: client.is_model_ready("other"), "NOT_FOUND", "is not here")
        expect_failure(lambda: client.get_model_metadata("other"), "NOT_FOUND", 'model "other" is not here')


@check
def tritonclient_grpc_infers():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        result = client.infer("model", inputs(triton_grpc), request_id="7", priority=1, timeout=5_000_000)
        expect_sum(result)
        assert result.get_response().id == "7" and result.get_response().model_version == "1"
        done = queue.Queue()
        client.async_infer("model", inputs(triton_grpc), lambda result, error: done.put((result, error)))
        result, error = done.get(timeout=30)
        assert error is None, error
        expect_sum(result)


@check
def tritonclient_grpc_classifies_and_compresses():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        outputs = [triton_grpc.InferRequestedOutput("sum", class_count=2)]
        result = client.infer("model", inputs(triton_grpc), outputs=outputs)
        assert result.as_numpy("sum").tolist() == [[b"22:1", b"11:0"], [b"44:1", b"33:0"]]
        for algorithm in ("gzip", "deflate"):
            expect_sum(client.infer("model", inputs(triton_grpc), compression_algorithm=algorithm))


@check
def tritonclient_grpc_streams():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        for index in range(20):
            tensors = inputs(triton_grpc)
            client.async_stream_infer("model", tensors[:1] if index == 5 else tensors, request_id=str(index))
        for index in range(20):
            result, error = answers.get(timeout=30)
            if index == 5:
                assert 'inputs: "b" is missing' in error.message(), error
            else:
                assert error is None and result.get_response().id == str(index), (index, error)
                expect_sum(result)
        client.stop_stream()


@check
def tritonclient_grpc_learns_what_is_wrong():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        missing = inputs(triton_grpc)[:1]
        expect_failure(lambda: client.infer("model", missing), "INVALID_ARGUMENT", 'inputs: "b" is missing')
        expect_failure(lambda: client.infer("other", inputs(triton_grpc)), "NOT_FOUND", "is not here")
        expect_failure(lambda: client.get_log_settings(), "UNIMPLEMENTED", "no method")


@check
def tritonclient_grpc_sends_text():
    with triton_grpc.InferenceServerClient(TEXT_GRPC) as client:
        text = triton_grpc.InferInput("x", [2], "BYTES")
        text.set_data_from_numpy(numpy.array(["zwölf", ""], dtype=object))
        result = client.infer("model", [text]).as_numpy("y")
        assert result.tolist() == ["zwölf".encode(), b""], result


@check
def tritonclient_grpc_controls_the_repository():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        expect_repository(
            client, lambda: [(model.name, model.state) for model in client.get_model_repository_index().models]
        )


@check
def tritonclient_grpc_aio_infers_and_streams():
    async def run():
        async with triton_grpc_aio.InferenceServerClient(GRPC) as client:
            expect_sum(await client.infer("model", inputs(triton_grpc_aio)))

            async def requests():
                for _ in range(3):
                    yield {"model_name": "model", "inputs": inputs(triton_grpc_aio)}

            count = 0
            async for result, error in client.stream_infer(requests()):
                assert error is None, error
                expect_sum(result)
                count += 1
            assert count == 3, count

    asyncio.run(run())


@check
def grpc_health():
    with grpc.insecure_channel(GRPC) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        for service in ("", "model", "inference.GRPCInferenceService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == serving
        assert next(stub.Watch(health_pb2.HealthCheckRequest())).status == serving


@check
def grpc_reflection_declares_what_triton_declares():
    """Every message and field that the server declares is Triton's, with the same number, type and label."""
    with grpc.insecure_channel(GRPC) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "inference.GRPCInferenceService" in database.get_services()
        pool = DescriptorPool(database)
        ours = pool.FindServiceByName("inference.GRPCInferenceService")
        theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
        for method in ours.methods:
            twin = theirs.methods_by_name[method.name]
            compare(method.input_type, twin.input_type, set())
            compare(method.output_type, twin.output_type, set())
        missing = {method.name for method in theirs.methods} - {method.name for method in ours.methods}
        unsupported = ("SharedMemory", "TraceSetting", "LogSettings")
        assert all(any(part in name for part in unsupported) for name in missing), missing


def compare(ours, theirs, seen):
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    assert ours.full_name == theirs.full_name, (ours.full_name, theirs.full_name)
    for field in ours.fields:
        twin = theirs.fields_by_name[field.name]
        for part in ("number", "type", "is_repeated"):
            assert getattr(field, part) == getattr(twin, part), (field.full_name, part)
        if field.message_type:
            compare(field.message_type, twin.message_type, seen)
        if field.enum_type:
            for value in field.enum_type.values:
                assert twin.enum_type.values_by_name[value.name].number == value.number, value.name


run_checks()
