"""Samples per second of eager training steps with as many threads as the case says."""

import time

import torch

import case

torch.set_num_threads(case.case["threads"])
model, (inputs, labels) = case.model(), case.data()
optimizer = case.optimizer_of(list(model.parameters.values()))
size = case.case["batchSize"]
batches = [slice(start, start + size) for start in range(0, inputs.shape[0] - size + 1, size)]


def step(index):
    rows = batches[index % len(batches)]
    optimizer.zero_grad()
    case.loss_of(model({case.case["input"]: inputs[rows]}), labels[rows]).backward()
    optimizer.step()


for index in range(10):
    step(index)
rates, started = [], time.perf_counter()
while time.perf_counter() - started < case.case["seconds"]:
    begun = time.perf_counter()
    for index in range(10):
        step(index)
    rates.append(10 * size / (time.perf_counter() - begun))
rates.sort()
case.finish({"samplesPerSecond": rates[len(rates) // 2]})
