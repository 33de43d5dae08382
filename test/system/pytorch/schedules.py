"""Learning rates by PyTorch's own schedulers.

Reads a JSON list of objects as its argument: kind ("step", "cosine" or "oneCycle", with the fields of the run's
schedule), peak, stepsPerEpoch and run: its epochs. Prints a JSON list with the rate of every step of each.
"""
import json
import sys
import warnings

import torch
from torch.optim import lr_scheduler

# Schedulers that are made one after the other are told that the optimizer has made no step yet.
warnings.simplefilter("ignore")


def rates(peak, steps, make, every=1):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = make(optimizer)
    seen = []
    for step in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        # OneCycleLR refuses to be asked for more than its last rate.
        if (step + 1) % every == 0 and step + 1 < steps:
            scheduler.step()
    return seen


def cosine(spec, steps):
    peak, warmup = spec["peak"], spec["warmupEpochs"] * spec["stepsPerEpoch"]
    rest = steps - warmup
    up = []
    if warmup > 0:
        # LinearLR counts from its first factor on: 1/warmup, 2/warmup, ...
        make = lambda it: lr_scheduler.LinearLR(it, start_factor=1 / warmup, total_iters=max(1, warmup - 1))
        up = rates(peak, min(warmup, steps), make)
    if rest <= 0:
        return up
    final = spec["finalLearningRate"]
    return up + rates(peak, rest, lambda it: lr_scheduler.CosineAnnealingLR(it, T_max=rest, eta_min=final))


def step(spec, steps):
    every, offset = spec["epochs"], spec["offset"]

    def make(optimizer):
        scheduler = lr_scheduler.StepLR(optimizer, every, spec["gamma"])
        for _ in range(offset):
            scheduler.step()
        return scheduler

    return rates(spec["peak"], steps, make, every=spec["stepsPerEpoch"])


def one_cycle(spec, steps):
    return rates(
        spec["peak"],
        steps,
        lambda it: lr_scheduler.OneCycleLR(
            it,
            max_lr=spec["peak"],
            total_steps=steps,
            pct_start=spec["warmupFraction"],
            div_factor=spec["initialDivisor"],
            final_div_factor=spec["finalDivisor"],
            cycle_momentum=False,
        ),
    )


KINDS = {"cosine": cosine, "step": step, "oneCycle": one_cycle}
specs = json.loads(sys.argv[1])
print(json.dumps([KINDS[spec["kind"]](spec, spec["run"] * spec["stepsPerEpoch"]) for spec in specs]))
