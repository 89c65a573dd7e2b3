"""What the checks of public clients share.

Arguments of each script: REST GRPC TEXT_REST TEXT_GRPC, each HOST:PORT.
REST, GRPC: a server of `model`: a, b FP32 [n, 2] in, their sum and difference out; clients may load and unload it.
TEXT_...: a server of `model`: x BYTES [n] in, y the same out.
A script prints a line of JSON for each check: {"name", "failure": null or the traceback}.
"""

import json
import sys
import traceback

import numpy

REST, GRPC, TEXT_REST, TEXT_GRPC = sys.argv[1:]
A = numpy.array([[1, 2], [3, 4]], dtype=numpy.float32)
B = numpy.array([[10, 20], [30, 40]], dtype=numpy.float32)
_checks = []


def check(function):
    _checks.append(function)
    return function


def run_checks():
    for function in _checks:
        failure = None
        try:
            function()
        except BaseException:
            failure = traceback.format_exc()
        print(json.dumps({"name": function.__name__, "failure": failure}), flush=True)
