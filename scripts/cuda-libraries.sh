#!/bin/sh
# `sh scripts/cuda-libraries.sh FOLDER`: puts the CUDA provider of ONNX Runtime and the libraries that it needs into FOLDER, 1.9 GB, with
# Python 3 and pip, on linux/x64. What uses them finds the libraries by LD_LIBRARY_PATH, and the provider beside libonnxruntime.so.1.
set -e
folder=${1:?usage: cuda-libraries.sh FOLDER}
mkdir -p "$folder"
# One platform's wheels, read as archives: any Python may run this.
python3 -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --only-binary :all: --require-hashes \
  --python-version 3.12 --implementation cp --abi cp312 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
  --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  --target "$folder/packages" --requirement "$(dirname "$0")/cuda-libraries.txt"
mv "$folder"/packages/nvidia/*/lib/*.so* "$folder"
mv "$folder"/packages/onnxruntime/capi/libonnxruntime_providers_cuda.so \
  "$folder"/packages/onnxruntime/capi/libonnxruntime_providers_shared.so "$folder"
rm -r "$folder/packages"
