"""Gradients, Grad-CAM and features of VGGs, by PyTorch's autograd.

Reads a JSON list as its argument, of objects: layers (as the zoo analyses them), weights (a safetensors file), picture (a
file of float32 [1, 3, h, w]) and shape, class. Writes beside the weights what it finds, as float32: WEIGHTS.gradient and
WEIGHTS.gradCam [h, w], WEIGHTS.features [units], channels last where the units are those of a picture.
"""
import json
import sys

import numpy
import torch
from torch.nn import functional

from safetensors_file import read_safetensors


def compute(layer, inputs, weights):
    x = inputs[0]
    own = lambda part: weights[f"{layer['name']}.{part}"]
    kind = layer["kind"]
    if kind == "CONV":
        return functional.conv2d(x, own("weight"), own("bias"), padding=layer["kernelSize"][0] // 2)
    if kind == "BATCH_NORM":
        return functional.batch_norm(x, own("running_mean"), own("running_var"), own("weight"), own("bias"), eps=1e-5)
    if kind == "RELU":
        return functional.relu(x)
    if kind == "LRN":
        # PyTorch divides alpha by the number of channels, and the paper does not.
        return functional.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2)
    if kind == "MAX_POOL":
        return functional.max_pool2d(x, 2)
    if kind == "ADAPTIVE_AVG_POOL":
        return functional.adaptive_avg_pool2d(x, layer["size"])
    if kind == "FLATTEN":
        return torch.flatten(x, 1)
    if kind == "DENSE":
        return functional.linear(x, own("weight"), own("bias"))
    if kind == "ADD":
        return inputs[0] + inputs[1]
    if kind == "DROPOUT":
        return x
    raise ValueError(kind)


def explain(spec):
    weights = read_safetensors(spec["weights"])
    picture = torch.from_numpy(numpy.fromfile(spec["picture"], dtype=numpy.float32)).reshape(spec["shape"])
    picture.requires_grad_()
    layers = [layer for layer in spec["layers"] if layer["kind"] != "SOFTMAX"]
    results = []
    for layer in layers:
        inputs = [picture if place < 0 else results[place] for place in layer["inputs"]]
        results.append(compute(layer, inputs, weights))
    convolution = max(i for i, layer in enumerate(layers) if layer["kind"] == "CONV")
    activated = next(i for i, layer in enumerate(layers) if i > convolution and layer["kind"] == "RELU")
    maps = results[activated]
    by_picture, by_maps = torch.autograd.grad(results[-1][0, spec["class"]], [picture, maps])
    cam = functional.relu((by_maps.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True))
    features = results[-2]
    if layers[-2]["kind"] == "FLATTEN":
        features = results[layers[-2]["inputs"][0]].permute(0, 2, 3, 1)
    return {
        "gradient": by_picture.abs().amax(dim=1),
        "gradCam": functional.interpolate(cam, size=spec["shape"][2:], mode="bilinear", align_corners=False),
        "features": features.contiguous(),
    }


for spec in json.loads(sys.argv[1]):
    for name, values in explain(spec).items():
        values.detach().numpy().tofile(f"{spec['weights']}.{name}")
