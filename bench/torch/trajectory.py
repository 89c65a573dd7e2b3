"""Losses of `steps` steps on consecutive batches, from the weights in model.onnx, for each optimizer: with 1 thread, with 2, and with
1 on the rows of each batch in reverse, which changes nothing but the order of sums."""

import torch

import case


def run(spec, threads, reverse=False):
    torch.set_num_threads(threads)
    model, (inputs, labels) = case.model(), case.data()
    optimizer = case.optimizer_of(list(model.parameters.values()), spec)
    size, losses = case.case["batchSize"], []
    for step in range(case.case["steps"]):
        rows = torch.arange(step * size, (step + 1) * size) % inputs.shape[0]
        rows = rows.flip(0) if reverse else rows
        optimizer.zero_grad()
        loss = case.loss_of(model({case.case["input"]: inputs[rows]}), labels[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


case.finish(
    [
        {"losses": run(spec, 1), "twoThreads": run(spec, 2), "reversed": run(spec, 1, reverse=True)}
        for spec in case.case["optimizers"]
    ]
)
