"""Samples per second of eager training steps with as many threads as the case says."""

import time

import torch

import case

torch.set_num_threads(case.case["threads"])
model, (inputs, labels) = case.model(), case.data()
optimizer = case.optimizer_of(list(model.parameters.values()), case.case["optimizer"])
size = case.case["batchSize"]
batches = [slice(start, start + size) for start in range(0, inputs.shape[0] - size + 1, size)]


def step(index):
    rows = batches[index % len(batches)]
    optimizer.zero_grad()
    case.loss_of(model({case.case["input"]: inputs[rows]}), labels[rows]).backward()
    optimizer.step()


for index in range(10):
    step(index)
steps, begun = 0, time.perf_counter()
while time.perf_counter() - begun < case.case["seconds"]:
    step(steps)
    steps += 1
case.finish({"samplesPerSecond": steps * size / (time.perf_counter() - begun)})
