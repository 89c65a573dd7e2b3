"""Trains on the same split from the same weights with the same optimizer, schedule, batch size and epochs, once for each of some
orders of its own. The weights with the lowest validation loss are kept; answers their accuracies on the test rows."""

import math

import torch

import case

torch.set_num_threads(case.case["threads"])
inputs, labels = case.data()
train, validation, test = (torch.arange(*case.case[split]) for split in ("train", "validation", "test"))
size, epochs = case.case["batchSize"], case.case["epochs"]


def outputs_of(model, rows):
    return model({case.case["input"]: inputs[rows]})


def evaluate(model, rows):
    """Loss and accuracy, as the model serves."""
    model.training = False
    with torch.no_grad():
        outputs = outputs_of(model, rows)
    model.training = True
    right = outputs[case.case["output"]].argmax(1) == labels[rows]
    return case.loss_of(outputs, labels[rows]).item(), right.sum().item() / len(rows)


def accuracy_of(seed):
    model = case.model()
    optimizer = case.optimizer_of(list(model.parameters.values()), case.case["optimizer"])
    schedule = case.schedule_of(optimizer, case.case["optimizer"]["schedule"], epochs * math.ceil(len(train) / size))
    generator = torch.Generator().manual_seed(seed)
    lowest, accuracy = math.inf, 0
    for _ in range(epochs):
        for rows in train[torch.randperm(len(train), generator=generator)].split(size):
            optimizer.zero_grad()
            case.loss_of(outputs_of(model, rows), labels[rows]).backward()
            optimizer.step()
            schedule.step()
        loss, _ = evaluate(model, validation)
        if loss < lowest:
            lowest, accuracy = loss, evaluate(model, test)[1]
    return accuracy


case.finish({"accuracies": [accuracy_of(seed) for seed in case.case["orders"]]})
