"""Seconds of one gloo all-reduce of `length` float32 over loopback, median of 20 after 3, for each number of processes."""

import statistics
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import case

BUCKET = 25 * 1024 * 1024 // 4


def process(rank, size, port, length, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    gradient, seconds = torch.ones(length), []
    for _ in range(23):
        dist.barrier()
        begun = time.perf_counter()
        works = [
            dist.all_reduce(gradient[start : start + BUCKET], async_op=True) for start in range(0, length, BUCKET)
        ]
        for work in works:
            work.wait()
        seconds.append(time.perf_counter() - begun)
    if rank == 0:
        results.put(statistics.median(seconds[3:]))
    dist.destroy_process_group()


if __name__ == "__main__":
    answer = {}
    for index, size in enumerate(case.case["processes"]):
        results = mp.get_context("spawn").SimpleQueue()
        mp.spawn(process, (size, case.case["port"] + index, case.case["length"], results), nprocs=size)
        answer[str(size)] = results.get()
    source, target = torch.ones(case.case["length"]), torch.empty(case.case["length"])
    torch.set_num_threads(1)
    copies = []
    for _ in range(23):
        begun = time.perf_counter()
        target.copy_(source)
        copies.append(time.perf_counter() - begun)
    case.finish({"allReduceSeconds": answer, "copySeconds": statistics.median(copies[3:])})
    sys.stdout.flush()
