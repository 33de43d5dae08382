"""A VGG in PyTorch that reads or writes its weights as safetensors.

Does what each line of its input says, and then answers with a line, "done". A line is a JSON object: network ("vgg11_bn": torchvision's own; "vgg16_c", "lecture_vgg16": written
out below), input (a file of float32 [n, 3, h, w]) and shape, output (the file of float32 logits to write), and either
load (a safetensors file, loaded with strict=True) or save (one to write, of random weights from seed, in dtype).
"""
import json
import sys

import numpy
import torch
import torchvision
from torch import nn

from safetensors_file import DTYPES, read_safetensors, write_safetensors


def conv(inputs, outputs, kernel=3):
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU()]


class ConfigurationC(nn.Module):
    """Simonyan and Zisserman's configuration C, which torchvision does not have: 1x1 convolutions in blocks 3 to 5."""

    def __init__(self):
        super().__init__()
        pool = nn.MaxPool2d(2, 2)
        self.features = nn.Sequential(
            *conv(3, 64), *conv(64, 64), pool,
            *conv(64, 128), *conv(128, 128), pool,
            *conv(128, 256), *conv(256, 256), *conv(256, 256, 1), pool,
            *conv(256, 512), *conv(512, 512), *conv(512, 512, 1), pool,
            *conv(512, 512), *conv(512, 512), *conv(512, 512, 1), pool,
        )
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
            nn.Linear(4096, 1000),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Lecture(nn.Module):
    """The lecture's network for CIFAR-10: no average pool."""

    def __init__(self):
        super().__init__()
        pool = nn.MaxPool2d(2, 2)
        self.features = nn.Sequential(
            *conv(3, 32), *conv(32, 32), pool,
            *conv(32, 64), *conv(64, 64), *conv(64, 128), *conv(128, 128), *conv(128, 128), pool,
            *conv(128, 256), *conv(256, 256), *conv(256, 256), *conv(256, 512), *conv(512, 512), *conv(512, 512), pool,
        )
        self.classifier = nn.Sequential(
            nn.Linear(512 * 4 * 4, 4096), nn.ReLU(True), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(),
            nn.Linear(4096, 10),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


NETWORKS = {
    "vgg11_bn": torchvision.models.vgg11_bn,
    "vgg16_c": ConfigurationC,
    "lecture_vgg16": Lecture,
}


def randomize(model, seed):
    """Random where PyTorch's own start is constant: a bias that is 0 would hide a bias that is lost."""
    torch.manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(seed)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1:
            tensor.uniform_(-0.2, 0.2) if not name.endswith("weight") else tensor.uniform_(0.5, 1.5)
        else:
            fan_in = tensor[0].numel()
            tensor.normal_(0, (2 / fan_in) ** 0.5)


# Their random start takes longer than all the rest, and is overwritten.
for initializer in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"):
    setattr(nn.init, initializer, lambda tensor, *args, **kwargs: tensor)


def answer(spec):
    model = NETWORKS[spec["network"]]().eval()
    if "load" in spec:
        model.load_state_dict(read_safetensors(spec["load"]), strict=True)
    else:
        randomize(model, spec["seed"])
        dtype = DTYPES[spec["dtype"]]
        state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()}
        write_safetensors(spec["save"], state)
        # What was rounded on the way to the file is rounded here as well.
        model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()})
    pictures = torch.from_numpy(numpy.fromfile(spec["input"], dtype=numpy.float32)).reshape(spec["shape"])
    with torch.no_grad():
        model(pictures).numpy().tofile(spec["output"])


for line in sys.stdin:
    answer(json.loads(line))
    print("done", flush=True)
