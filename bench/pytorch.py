"""The same network in PyTorch, as the number to compare with.

Reads a JSON spec as its argument: mode ("forward", "train" or "losses"), threads, seconds, input [h, w, c], layers
(those of src/zoo/analysis.ts), for training batch, and for losses steps and file: a safetensors file with the initial
weights, batch.x [n, h, w, c] and batch.y. Prints one line of JSON. Exits with 3 where PyTorch is missing.
"""
import json
import math
import resource
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
        elif kind == "ADAPTIVE_AVG_POOL":
            modules.append(nn.AdaptiveAvgPool2d(out[0]))
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


def timed(work, warmup, least, most):
    """Milliseconds of each call: at least so many, then until the time is over."""
    for _ in range(warmup):
        work()
    times, end = [], time.perf_counter() + spec["seconds"]
    while len(times) < least or (time.perf_counter() < end and len(times) < most):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return times


def quantile(times, part):
    return sorted(times)[int(part * (len(times) - 1))]


def forward():
    net = build().eval()

    def measure(batch):
        x = torch.randn(batch, channels_in, height, width)
        with torch.no_grad():
            return timed(lambda: net(x), 5, 5, 10000)

    one, many = measure(1), measure(32)
    return {"p50": quantile(one, 0.5), "p95": quantile(one, 0.95), "batchPerSecond": 32000 / quantile(many, 0.5)}


def stepper(net, x, y):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def train():
    x = torch.randn(spec["batch"], channels_in, height, width)
    y = torch.randint(0, 10, (spec["batch"],))
    times = timed(stepper(build(), x, y), 1, 2, 10000)
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"times": times, "imagesPerSecond": spec["batch"] * 1000 / quantile(times, 0.5), "mebibytes": mebibytes}


def read(path):
    """The tensors of a safetensors file, by name."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64}

    def tensor(dtype, shape, data_offsets):
        flat = torch.frombuffer(data, dtype=types[dtype], count=math.prod(shape), offset=data_offsets[0])
        return flat.reshape(shape)

    return {name: tensor(**entry) for name, entry in header.items()}


def losses():
    tensors, net = read(spec["file"]), build()
    # The soft-max, the last of the layers, is part of the loss.
    for layer, module in zip(spec["layers"], net):
        module.load_state_dict({key: tensors[f"{layer['name']}.{key}"] for key in module.state_dict()})
    x = tensors["batch.x"].permute(0, 3, 1, 2).contiguous()
    step = stepper(net, x, tensors["batch.y"])
    values = [step() for _ in range(spec["steps"])]
    return {"losses": [value if math.isfinite(value) else None for value in values]}


def blas():
    """What computes the dense layers: Debian's reference BLAS is an order of magnitude slower than OpenBLAS."""
    try:
        with open("/proc/self/maps") as maps:
            libraries = {line.split()[-1] for line in maps if "blas" in line.split()[-1]}
    except OSError:
        libraries = set()
    return ", ".join(sorted("/".join(path.split("/")[-2:]) for path in libraries)) or "unknown"


modes = {"forward": forward, "train": train, "losses": losses}
print(json.dumps({"version": torch.__version__, "blas": blas(), **modes[spec["mode"]]()}))
