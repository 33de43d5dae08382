"""Small VGGs as people write them in PyTorch, each saved in a way of its own.

Writes into the folder that is its argument NAME.safetensors and NAME.logits (float32) for each, and picture (float32
[1, 3, 16, 16]), which all of them answered.
"""
import sys

import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from safetensors_file import write_safetensors

torch.manual_seed(7)


def conv(inputs, outputs, *between, **options):
    return [nn.Conv2d(inputs, outputs, 3, padding=1, **options), *between, nn.ReLU()]


def pool():
    return nn.MaxPool2d(2)


class Network(nn.Module):
    def __init__(self, features, classifier):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = classifier

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class Lists(nn.Module):
    """Layers in lists, and all the rest in forward()."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)])
        self.fc1 = nn.Linear(256, 6)
        self.fc2 = nn.Linear(6, 5)

    def forward(self, x):
        for layer in self.convs:
            x = functional.relu(layer(x))
        x = torch.flatten(functional.max_pool2d(x, 2), 1)
        return self.fc2(functional.relu(self.fc1(x)))


def norm(**options):
    return nn.BatchNorm2d(4, **options)


def batch_norm(affine=True, **options):
    layers = [*conv(3, 4, norm(affine=affine), **options), pool(), *conv(4, 4, norm(affine=affine), **options)]
    return Network(layers, nn.Linear(256, 5))


def dropouts():
    layers = []
    for index, inputs in enumerate([3, 4, 4, 4]):
        layers += [*conv(inputs, 4), nn.Dropout2d(0.3), *([pool()] if index % 2 else [])]
    return Network(layers, nn.Linear(64, 5))


def dropout_first():
    return Network(
        [*conv(3, 4), pool()],
        nn.Sequential(
            nn.Dropout(), nn.Linear(256, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 5)
        ),
    )


def halved(state):
    return {name: tensor.half() for name, tensor in state.items()}


def with_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(2, 3, 16, 16)).sum().backward()
    optimizer.step()
    state = {f"state_dict.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            state[f"optimizer.state.{index}.{name}"] = torch.as_tensor(value)
    return state


NETWORKS = {
    "batch norm behind convolutions without bias, in DataParallel": (
        lambda: nn.DataParallel(batch_norm(bias=False)),
        lambda model: model.state_dict(),
    ),
    "batch norm without scale and shift": (lambda: batch_norm(affine=False), lambda model: model.state_dict()),
    "one Linear, all in F16": (batch_norm, lambda model: halved(model.state_dict())),
    "F64": (lambda: batch_norm().double(), lambda model: model.state_dict()),
    "an average over steps": (lambda: AveragedModel(batch_norm()), lambda model: model.state_dict()),
    "a dropout first": (dropout_first, lambda model: model.state_dict()),
    "a dropout after each ReLU": (dropouts, lambda model: model.state_dict()),
    "one Sequential": (
        lambda: nn.Sequential(*conv(3, 4), pool(), nn.Flatten(), nn.Linear(256, 5)),
        lambda model: model.state_dict(),
    ),
    "lists of layers": (Lists, lambda model: model.state_dict()),
    "a checkpoint with its optimizer": (dropout_first, with_optimizer),
}

folder = sys.argv[1]
picture = torch.randn(1, 3, 16, 16)
picture.numpy().tofile(f"{folder}/picture")
for name, (build, save) in NETWORKS.items():
    model = build()
    for key, tensor in model.state_dict().items():
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1 and tensor.is_floating_point():
            tensor.uniform_(0.2, 1)
    state = save(model)
    write_safetensors(f"{folder}/{name}.safetensors", state)
    model.eval()
    with torch.no_grad():
        if "F16" in name:
            model.load_state_dict({key: tensor.to(model.state_dict()[key].dtype) for key, tensor in state.items()})
        answer = model(picture.double() if "F64" in name else picture)
    answer.float().numpy().tofile(f"{folder}/{name}.logits")
