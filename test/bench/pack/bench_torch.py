"""PyTorch on the benchmark's cases, with the numbers of test/bench/problems.ts: eager and compiled, TF32 off and on.

python3 bench_torch.py [filters] [--quick] [--history FILE]. A filter is a word of a case: A, matmul, "512 NT".
"""

import argparse
import datetime
import json
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
KERNEL = 5
LEARNING_RATES = {"sgd": 0.1, "adam": 1e-3}


def uniform(length, bound, seed):
    """Numbers in ±bound by the mulberry32 generator; element i has state seed · golden + (i + 1) · step, modulo 2³²."""
    u32, u64 = np.uint32, np.uint64
    state = (u64(seed) * u64(0x9E3779B9) + np.arange(1, length + 1, dtype=u64) * u64(0x6D2B79F5)).astype(u32)
    t = (state ^ (state >> u32(15))) * (state | u32(1))
    t ^= t + (t ^ (t >> u32(7))) * (t | u32(61))
    return (bound * (2.0**-31 * (t ^ (t >> u32(14))).astype(np.float64) - 1)).astype(np.float32)


class LastHidden(nn.Module):
    """An LSTM's last hidden state."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.lstm = nn.LSTM(inputs, outputs, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


def mlp(*sizes):
    layers = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()] if i + 2 < len(sizes) else [nn.Linear(inputs, outputs)]
    return layers


def lenet():
    convolutions = [nn.Conv2d(1, 6, KERNEL, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(6, 16, KERNEL), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return convolutions + mlp(400, 120, 84, 10)


NETWORKS = {
    "A": (lambda: mlp(784, 128, 10), [64, 784], 10),
    "B": (lambda: mlp(784, 512, 512, 10), [128, 784], 10),
    "C": (lambda: mlp(*[64] * 11), [32, 64], 64),
    "D": (lambda: [LastHidden(64, 128), nn.Linear(128, 10)], [32, 32, 64], 10),
    "E": (lenet, [64, 1, 28, 28], 10),
    "F": (lambda: mlp(4096, 4096, 4096), [4096, 4096], 4096),
}


def bounds(layers):
    """±1/√inputs, ±√(6/inputs) before a ReLU; for an LSTM the inputs of a gate are its hidden state."""
    for layer, after in zip(layers, [*layers[1:], None]):
        if isinstance(layer, LastHidden):
            yield from [layer.lstm.hidden_size**-0.5] * 4
        elif isinstance(layer, (nn.Linear, nn.Conv2d)):
            gain = 6 if isinstance(after, nn.ReLU) else 1
            yield from [(gain / layer.weight[0].numel()) ** 0.5] * 2


def training(letter, optimizer):
    """A step of a case: a function that returns the cost; and the function that PyTorch may compile."""
    make, shape, classes = NETWORKS[letter]
    layers = make()
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for i, (parameter, bound) in enumerate(zip(model.parameters(), bounds(layers))):
            parameter.copy_(torch.from_numpy(uniform(parameter.numel(), bound, 10 + i)).reshape(parameter.shape))
    model.to(DEVICE)
    x = torch.from_numpy(uniform(int(np.prod(shape)), 1, 100)).reshape(shape).to(DEVICE)
    labels = (torch.arange(shape[0]) * 7919 % classes).to(DEVICE)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    optimize = kind(model.parameters(), lr=LEARNING_RATES[optimizer])

    def cost_of(x, labels):
        return F.cross_entropy(model(x), labels)

    def stepper(cost_of):
        def step():
            optimize.zero_grad(set_to_none=True)
            cost = cost_of(x, labels)
            cost.backward()
            optimize.step()
            return cost.detach()

        return step

    return cost_of, stepper


def product(size, orientation):
    """C = A·Bᵀ (NT), A·B (NN), Aᵀ·B (TN), all size × size."""
    a, b = (torch.from_numpy(uniform(size * size, 1, seed)).reshape(size, size).to(DEVICE) for seed in (1, 2))
    left = a.T if orientation == "TN" else a
    right = b.T if orientation == "NT" else b

    def multiply(left, right):
        return left @ right

    return multiply, lambda multiply: lambda: multiply(left, right)


def cases():
    for size in (256, 512, 1024, 4096):
        for orientation in ("NT", "NN", "TN"):
            yield f"matmul {size} {orientation}", lambda: product(size, orientation), 2 * size**3
    for letter in NETWORKS:
        for optimizer in ("sgd", "adam"):
            yield f"{letter} {optimizer}", lambda: training(letter, optimizer), None


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def milliseconds(step, steps):
    synchronize()
    begin = time.perf_counter()
    for _ in range(steps):
        last = step()
    last.flatten()[0].item()
    synchronize()
    return 1e3 * (time.perf_counter() - begin) / steps


def measure(step, quick):
    """Median and quartiles of milliseconds a step over blocks, and the first step's value, to compare engines by."""
    first = step().flatten()[0].item()
    for _ in range(3):
        step()
    blocks, length = (3, 60) if quick else (9, 300)
    steps = max(1, round(length / milliseconds(step, 3)))
    samples = sorted(milliseconds(step, steps) for _ in range(blocks))
    quartiles = np.quantile(samples, [0.25, 0.75]).tolist()
    counts = {"blocks": blocks, "steps": steps}
    return {"median": statistics.median(samples), "quartiles": quartiles, **counts, "first": first}


def variants():
    kinds = ["eager", "compiled"] if DEVICE.type == "cuda" and hasattr(torch, "compile") else ["eager"]
    for tf32 in (False, True) if DEVICE.type == "cuda" else (False,):
        for kind in kinds:
            yield f"{kind}{', TF32' if tf32 else ''}", kind, tf32


def run(make, kind, tf32, quick):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    work, stepper = make()
    try:
        return measure(stepper(torch.compile(work) if kind == "compiled" else work), quick)
    except Exception as error:  # one variant that fails leaves the others' figures
        return {"reason": str(error).split("\n")[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--history", default="bench.jsonl")
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU"
    print(f"PyTorch {torch.__version__}, {name}\n")
    titles = [title for title, _, _ in variants()]
    print(f"| ms a step | {' | '.join(titles)} |\n| :-- | {' | '.join('--:' for _ in titles)} |")
    for case, make, flops in cases():
        words = case.split(" ")
        if options.filters and not any(all(word in words for word in each.split(" ")) for each in options.filters):
            continue
        if DEVICE.type == "cpu" and ("4096" in words or "F" in words):
            continue
        timings = {title: run(make, kind, tf32, options.quick) for title, kind, tf32 in variants()}
        cells = [f"{each['median']:.3g}" if "median" in each else each["reason"] for each in timings.values()]
        print(f"| {case} | {' | '.join(cells)} |", flush=True)
        place = {"adapter": name, "platform": f"PyTorch {torch.__version__}", "quick": options.quick}
        at = datetime.datetime.now(datetime.timezone.utc).isoformat()
        with open(options.history, "a", encoding="utf8") as history:
            history.write(json.dumps({"at": at, **place, "name": case, "flops": flops, "timings": timings}) + "\n")


if __name__ == "__main__":
    main()
