"""The same network in PyTorch, as the number to compare with.

Reads a JSON spec as its argument: mode ("check", "forward", "train" or "losses") and threads; for all but check input
[h, w, c] and layers (those of src/zoo/analysis.ts), seconds, for training batch, and for losses steps and file: a
safetensors file with the initial weights, batch.x [n, h, w, c] and batch.y. Prints one line of JSON. Exits with 3 where
PyTorch is missing.
"""
import ctypes
import json
import math
import re
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
height, width, channels_in = spec.get("input", (0, 0, 0))


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


def check():
    """What multiplies its matrices, and how fast, beside a convolution of oneDNN on the same threads.

    A library's name is not enough: OpenBLAS can be loaded for LAPACK alone, or take the processor for a much older one.
    """
    size, images, channels, side = 768, 8, 128, 28
    a, b = torch.randn(size, size), torch.randn(size, size)
    x, convolution = torch.randn(images, channels, side, side), nn.Conv2d(channels, channels, 3, padding=1)
    work = {
        "product": (lambda: a @ b, 2 * size**3),
        "convolution": (lambda: convolution(x), 2 * images * side**2 * channels**2 * 9),
    }
    # In turns, and the best of each: what else is at work on the machine disturbs both alike.
    best, end, count = dict.fromkeys(work, math.inf), time.perf_counter() + 2, 0
    with torch.no_grad():
        while count < 5 or time.perf_counter() < end:
            for name, (call, _) in work.items():
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
            count += 1
    gigaflops = {name: operations / best[name] / 1e9 for name, (_, operations) in work.items()}
    library = sgemm_library()
    return {
        "threads": torch.get_num_threads(),
        "oneDnn": torch.backends.mkldnn.is_available(),
        "library": library,
        "core": openblas_core(library),
        "builtFor": configured("BLAS_INFO"),
        **gigaflops,
    }


def sgemm_library():
    """The file that holds the sgemm which PyTorch calls; None where it cannot be told."""
    maps = memory_maps()
    torch_library = next((path for _, _, path in maps if "libtorch_cpu" in path), None)
    # As the dynamic linker looks for it: what the whole process has, then what libtorch_cpu brings along.
    for name in (None, torch_library):
        try:
            address = ctypes.cast(ctypes.CDLL(name).sgemm_, ctypes.c_void_p).value
        except (OSError, AttributeError):
            continue
        return next((path for start, end, path in maps if start <= address < end), None)
    return None


def memory_maps():
    """Start, end and path of each file's mapping; none where the system has no /proc."""
    try:
        with open("/proc/self/maps") as lines:
            parts = [line.split(maxsplit=5) for line in lines]
    except OSError:
        return []
    files = [part for part in parts if len(part) == 6]
    return [(*(int(at, 16) for at in part[0].split("-")), part[5].strip()) for part in files]


def openblas_core(library):
    """The processor that OpenBLAS has kernels for and takes this one for; None of another library."""
    try:
        name = ctypes.CDLL(library).openblas_get_corename
    except (OSError, AttributeError, TypeError):
        return None
    name.restype = ctypes.c_char_p
    return name().decode()


def configured(key):
    found = re.search(rf"{key}=(\w+)", torch.__config__.show())
    return found and found.group(1)


modes = {"check": check, "forward": forward, "train": train, "losses": losses}
print(json.dumps({"version": torch.__version__, **modes[spec["mode"]]()}))
