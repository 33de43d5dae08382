/** The same network in Debian's PyTorch (apt install python3-torch), as the number to compare with. */
import { spawnSync } from 'node:child_process'
import { analyze } from '../src/zoo/analysis.ts'
import type { Architecture } from '../src/zoo/architecture.ts'

export interface TorchResult {
  version: string
  /** Milliseconds for one picture. */
  p50: number
  p95: number
  /** Pictures a second in batches of 32. */
  batchPerSecond: number
}

const SCRIPT = `
import json, sys, time
try:
    import torch
except ImportError:
    sys.exit(3)
from torch import nn
spec = json.loads(sys.argv[1])
torch.set_num_threads(spec["threads"])
modules, channels = [], spec["input"][2]
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
    elif kind not in ("DROPOUT", "SOFTMAX"):
        raise ValueError(kind)
    channels = out[-1]
net = nn.Sequential(*modules).eval()
def measure(batch):
    x = torch.randn(batch, channels_in, height, width)
    times, end = [], time.perf_counter() + spec["seconds"]
    while len(times) < 7 or (time.perf_counter() < end and len(times) < 202):
        start = time.perf_counter()
        net(x)
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times[2:])
height, width, channels_in = spec["input"]
with torch.no_grad():
    one, many = measure(1), measure(32)
at = lambda times, part: times[int(part * (len(times) - 1))]
print(json.dumps({"version": torch.__version__, "p50": at(one, 0.5), "p95": at(one, 0.95),
                  "batchPerSecond": 32000 / at(many, 0.5)}))
`

/** What was measured, or why nothing was. The first python3 of the PATH may be one without Debian's packages. */
export function measureTorch(architecture: Architecture, threads: number): TorchResult | string {
  const { layers } = analyze(architecture)
  const spec = JSON.stringify({ input: architecture.inputShape, layers, threads, seconds: 2 })
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status, stdout, stderr } = spawnSync(python, ['-', spec], { input: SCRIPT, encoding: 'utf8' })
    if (status === 0) return JSON.parse(stdout) as TorchResult
    if (status !== 3 && status !== null) return `failed: ${stderr.trim().split('\n').at(-1)}`
  }
  return 'not installed (apt install python3-torch)'
}
