"""Losses of `steps` steps on consecutive batches, from the weights in model.onnx, with 1 and with 2 threads, for each optimizer."""

import torch

import case


def run(spec, threads):
    torch.set_num_threads(threads)
    model, (inputs, labels) = case.model(), case.data()
    optimizer = case.optimizer_of(list(model.parameters.values()), spec)
    size, losses = case.case["batchSize"], []
    for step in range(case.case["steps"]):
        rows = torch.arange(step * size, (step + 1) * size) % inputs.shape[0]
        optimizer.zero_grad()
        loss = case.loss_of(model({case.case["input"]: inputs[rows]}), labels[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


case.finish([{"losses": run(spec, 1), "lossesTwoThreads": run(spec, 2)} for spec in case.case["optimizers"]])
