"""The same network in PyTorch, as the number to compare with.

Reads a JSON spec as its argument: mode ("forward" or "train"), threads, seconds, input [h, w, c], layers (those of
src/zoo/analysis.ts) and, for training, batch. Prints one line of JSON. Exits with 3 where PyTorch is missing.
"""
import json
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(3)
from torch import nn

spec = json.loads(sys.argv[1])
torch.set_num_threads(spec["threads"])
height, width, channels_in = spec["input"]


def build():
    modules, channels = [], channels_in
    for layer in spec["layers"]:
        kind, out = layer["kind"], layer["outputShape"]
        if kind == "CONV":
            kernel = layer["kernelSize"][0]
            modules.append(nn.Conv2d(channels, out[2], kernel, padding=kernel // 2))
        elif kind == "BATCH_NORM":
            modules.append(nn.BatchNorm2d(out[2]))
        elif kind == "RELU":
            modules.append(nn.ReLU(inplace=True))
        elif kind == "MAX_POOL":
            modules.append(nn.MaxPool2d(2, 2))
        elif kind == "FLATTEN":
            modules.append(nn.Flatten())
        elif kind == "DENSE":
            modules.append(nn.Linear(channels, out[0]))
        elif kind == "DROPOUT":
            modules.append(nn.Dropout(0.5))
        elif kind != "SOFTMAX":
            raise ValueError(kind)
        channels = out[-1]
    return nn.Sequential(*modules)


def timed(work, warmup):
    """Milliseconds of each call, sorted; at least 5 calls, then until the time is over or there are 200."""
    times, end = [], time.perf_counter() + spec["seconds"]
    while len(times) < warmup + 5 or (time.perf_counter() < end and len(times) < warmup + 200):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times[warmup:])


def quantile(times, part):
    return times[int(part * (len(times) - 1))]


def forward():
    net = build().eval()

    def measure(batch):
        x = torch.randn(batch, channels_in, height, width)
        with torch.no_grad():
            return timed(lambda: net(x), 2)

    one, many = measure(1), measure(32)
    return {"p50": quantile(one, 0.5), "p95": quantile(one, 0.95), "batchPerSecond": 32000 / quantile(many, 0.5)}


def train():
    net = build().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    x = torch.randn(spec["batch"], channels_in, height, width)
    y = torch.randint(0, 10, (spec["batch"],))

    def step():
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()

    return {"imagesPerSecond": spec["batch"] * 1000 / quantile(timed(step, 1), 0.5)}


print(json.dumps({"version": torch.__version__, **{"forward": forward, "train": train}[spec["mode"]]()}))
