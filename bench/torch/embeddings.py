"""Sentences per second of sentence-transformers, and the vectors of the first few of them."""

import time

import torch
from sentence_transformers import SentenceTransformer

import case

torch.set_num_threads(case.case["threads"])
model = SentenceTransformer(case.case["model"], device="cpu")
sentences = case.case["sentences"]
vectors = model.encode(sentences[: case.case["compared"]])
done, begun = 0, time.perf_counter()
while time.perf_counter() - begun < case.case["seconds"]:
    model.encode(sentences, batch_size=case.case["batchSize"])
    done += len(sentences)
case.finish({"sentencesPerSecond": done / (time.perf_counter() - begun), "vectors": vectors.tolist()})
