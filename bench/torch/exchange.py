"""Seconds for `steps` sums of a float32 vector over `workers` processes: gloo on the loopback device, in buckets as
DistributedDataParallel makes them."""

import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import case


def exchange(buckets):
    for work in [dist.all_reduce(bucket, async_op=True) for bucket in buckets]:
        work.wait()


def work(rank, spec, seconds):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{case.folder}/store", rank=rank, world_size=spec["workers"])
    buckets = torch.zeros(spec["elements"]).split(spec["bucketBytes"] // 4)
    for _ in range(spec["warmupSteps"]):
        exchange(buckets)
    dist.barrier()
    begun = time.perf_counter()
    for _ in range(spec["steps"]):
        exchange(buckets)
    dist.barrier()
    if rank == 0:
        seconds.put(time.perf_counter() - begun)
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    seconds = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, (case.case, seconds), nprocs=case.case["workers"])
    case.finish({"seconds": seconds.get()})
