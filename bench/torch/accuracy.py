"""Trains on the same split with the same model, optimizer, batch size and epochs; the accuracy on the test rows."""

import torch

import case

torch.set_num_threads(case.case["threads"])
model, (inputs, labels) = case.model(), case.data()
optimizer = case.optimizer_of(list(model.parameters.values()))
size, train_rows = case.case["batchSize"], case.case["trainRows"]
train, test = slice(0, train_rows), slice(train_rows, None)
generator = torch.Generator().manual_seed(case.case["seed"])
for _ in range(case.case["epochs"]):
    order = torch.randperm(train_rows, generator=generator)
    for start in range(0, train_rows, size):
        rows = order[start : start + size]
        optimizer.zero_grad()
        case.loss_of(model({case.case["input"]: inputs[train][rows]}), labels[train][rows]).backward()
        optimizer.step()
model.training = False
with torch.no_grad():
    predicted = model({case.case["input"]: inputs[test]})[case.case["output"]].argmax(1)
case.finish({"accuracy": (predicted == labels[test]).float().mean().item()})
