#!/usr/bin/env python3
"""Makes the reference numbers beside this file, once: `python3 make_fixtures.py` with PyTorch (any CPU build) and
numpy, `python3 make_fixtures.py tables` with scikit-learn. The tests read the files only.

Made with PyTorch 1.13.1 and scikit-learn 1.9.1. Data sets as scikit-learn ships them: iris (Fisher 1936), diabetes
(Efron et al. 2004), breast cancer Wisconsin (Wolberg, Street and Mangasarian 1995, UCI, CC BY 4.0).
"""
import json
import pathlib
import struct
import sys

import numpy

FOLDER = pathlib.Path(__file__).parent


def write(name, tensors):
    """Writes float32 arrays as a safetensors file, the names in order."""
    header, data = {}, b""
    for key in sorted(tensors):
        array = numpy.ascontiguousarray(numpy.asarray(tensors[key]), dtype="<f4")
        raw = array.tobytes()
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / name).write_bytes(struct.pack("<Q", len(text)) + text + data)


def learn(out, prefix, named, loss_of, clip, inputs=()):
    """Stores parameters, loss, gradients, and parameters and losses of 5 Adam steps (rate 0.01) on one batch."""
    parameters = [p for _, p in named]
    for key, p in named:
        out[f"{prefix}.before.{key}"] = p.detach().clone().numpy()
    optimiser = torch.optim.Adam(parameters, lr=0.01)
    losses = []
    for step in range(5):
        optimiser.zero_grad()
        loss = loss_of()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            for key, p in named:
                out[f"{prefix}.gradient.{key}"] = p.grad.detach().clone().numpy()
            for key, x in inputs:
                out[f"{prefix}.gradient.{key}"] = x.grad.detach().clone().numpy()
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.step()
    for key, p in named:
        out[f"{prefix}.after.{key}"] = p.detach().clone().numpy()
    out[f"{prefix}.losses"] = losses


def recurrent(out, kind, hidden, layers):
    prefix = f"{kind}{hidden}"
    steps, batch, width = 5, 4, 3
    net = (torch.nn.LSTM if kind == "lstm" else torch.nn.GRU)(width, hidden, layers)
    head = torch.nn.Linear(hidden, 2)
    x, y = torch.randn(steps, batch, width), torch.randn(batch, 2)
    out[f"{prefix}.x"], out[f"{prefix}.y"] = x.numpy(), y.numpy()
    sequence = net(x)[0]
    out[f"{prefix}.sequence"] = sequence.detach().numpy()
    out[f"{prefix}.output"] = head(sequence[-1]).detach().numpy()
    named = [(f"{kind}.{k}", p) for k, p in net.named_parameters()]
    named += [(f"head.{k}", p) for k, p in head.named_parameters()]
    learn(out, prefix, named, lambda: torch.nn.functional.mse_loss(head(net(x)[0][-1]), y), clip=0.25)


def norm(out):
    layer = torch.nn.LayerNorm(20)
    torch.nn.init.normal_(layer.weight, 1, 0.3)
    torch.nn.init.normal_(layer.bias, 0, 0.3)
    x, y = (torch.randn(6, 20) * 3 + 2).requires_grad_(), torch.randn(6, 20)
    out["norm.x"], out["norm.y"] = x.detach().numpy(), y.numpy()
    out["norm.output"] = layer(x).detach().numpy()
    named = [(f"norm.{k}", p) for k, p in layer.named_parameters()]
    learn(out, "norm", named, lambda: torch.nn.functional.mse_loss(layer(x), y), clip=0.1, inputs=[("x", x)])


def dueling(out):
    value, advantage = torch.nn.Linear(12, 1), torch.nn.Linear(12, 5)
    x, actions, target = torch.randn(7, 12).requires_grad_(), torch.randint(0, 5, (7,)), torch.randn(7) * 2

    def q():
        a = advantage(x)
        return value(x) + a - a.mean(1, keepdim=True)

    out["dueling.x"], out["dueling.actions"], out["dueling.y"] = x.detach().numpy(), actions.numpy(), target.numpy()
    out["dueling.output"] = q().detach().numpy()
    named = [(f"q.value.{k}", p) for k, p in value.named_parameters()]
    named += [(f"q.advantage.{k}", p) for k, p in advantage.named_parameters()]
    chosen = lambda: q().gather(1, actions[:, None])[:, 0]
    learn(out, "dueling", named, lambda: torch.nn.functional.smooth_l1_loss(chosen(), target), 0.5, [("x", x)])


def categorical(out):
    layer = torch.nn.Linear(12, 6)
    x, mask = torch.randn(7, 12).requires_grad_(), (torch.rand(7, 6) < 0.6)
    mask[torch.arange(7), torch.arange(7) % 6] = True
    actions, advantages = torch.arange(7) % 6, torch.randn(7)
    out["categorical.x"], out["categorical.allowed"] = x.detach().numpy(), mask.float().numpy()
    out["categorical.actions"], out["categorical.advantages"] = actions.numpy(), advantages.numpy()

    def log_p():
        return torch.log_softmax(torch.where(mask, layer(x), torch.tensor(-1e8)), 1)

    def loss():
        lp = log_p()
        entropy = -(lp.exp() * lp).sum(1)
        return -(advantages * lp.gather(1, actions[:, None])[:, 0]).mean() - 0.01 * entropy.mean()

    out["categorical.output"] = log_p().detach().numpy()
    out["categorical.entropy"] = (-(log_p().exp() * log_p()).sum(1)).detach().numpy()
    named = [(f"policy.{k}", p) for k, p in layer.named_parameters()]
    learn(out, "categorical", named, loss, 0.5, [("x", x)])


def losses(out):
    raw, y = (torch.randn(6, 2, 4)).requires_grad_(), torch.randn(6, 2)
    levels = torch.tensor([0.05, 0.5, 0.9, 0.95])
    soft = torch.nn.functional.softplus
    m = raw[..., 1]
    q = torch.stack([m - soft(raw[..., 0]), m, m + soft(raw[..., 2]), m + soft(raw[..., 2]) + soft(raw[..., 3])], -1)
    u = y[..., None] - q
    pinball = torch.maximum(levels * u, (levels - 1) * u).mean()
    pinball.backward()
    out["loss.raw"], out["loss.y"], out["loss.quantiles"] = raw.detach().numpy(), y.numpy(), q.detach().numpy()
    out["loss.pinball"], out["loss.pinballGradient"] = [pinball.item()], raw.grad.numpy()
    for name, of in [("huber", torch.nn.functional.smooth_l1_loss), ("mse", torch.nn.functional.mse_loss)]:
        p = (raw.detach()[..., 0] * 2).requires_grad_()
        value = of(p, y)
        value.backward()
        out[f"loss.{name}"], out[f"loss.{name}Gradient"] = [value.item()], p.grad.numpy()


def data_sets():
    from sklearn import datasets

    out = {}
    for name, load in [
        ("iris", datasets.load_iris), ("diabetes", datasets.load_diabetes), ("cancer", datasets.load_breast_cancer),
    ]:
        bunch = load()
        out[f"{name}.x"], out[f"{name}.y"] = bunch.data, bunch.target
    write("tables.safetensors", out)


if "tables" in sys.argv:
    data_sets()
else:
    import torch

    torch.manual_seed(20261122)
    torch.set_num_threads(1)
    out = {}
    recurrent(out, "lstm", 16, 2)
    recurrent(out, "lstm", 20, 1)
    write("lstm.safetensors", out)
    out = {}
    recurrent(out, "gru", 16, 2)
    recurrent(out, "gru", 20, 1)
    write("gru.safetensors", out)
    out = {}
    norm(out)
    dueling(out)
    categorical(out)
    losses(out)
    write("heads.safetensors", out)
