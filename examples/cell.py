"""A cell with a decision: traced by an example it keeps one side, scripted it keeps both.

    python examples/cell.py

PyTorch's tutorial of TorchScript with the same story: a cell of tanh and Linear, then one with a
gate that looks at its values. Both become artifacts that run without Python.
"""

import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np

import tilewright as tw
from tilewright import nn
from tilewright.native_files import runner


class Cell(nn.Module):
    """tanh of a linear layer and the state before."""

    def __init__(self) -> None:
        self.linear = nn.Linear(4, 4)

    def forward(self, x: tw.Array, h: tw.Array) -> tuple[tw.Array, tw.Array]:
        """x (batch, 4), h (batch, 4) -> the output and the next state."""
        new = tw.tanh(self.linear(x) + h)
        return new, new


class DecisionGate(nn.Module):
    """x, or -x where its sum is not above 0."""

    def forward(self, x: tw.Array) -> tw.Array:
        """An array -> one of the same shape."""
        if x.sum() > 0:
            return x
        return -x


class GatedCell(nn.Module):
    """The cell with the gate behind its linear layer."""

    def __init__(self) -> None:
        self.linear = nn.Linear(4, 4)
        self.gate = DecisionGate()

    def forward(self, x: tw.Array, h: tw.Array) -> tuple[tw.Array, tw.Array]:
        """As `Cell`."""
        new = tw.tanh(self.gate(self.linear(x)) + h)
        return new, new


def run_without_python(path: Path, x: tw.Array, h: tw.Array) -> list[np.ndarray]:
    """The results of an artifact in the C++ runner."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "x.npy", x.numpy())
        np.save(place / "h.npy", h.numpy())
        words = [runner(), path]
        words += [w for name in ("x", "h") for w in ("--input", f"{name}={place / name}.npy")]
        names = [port.name for port in tw.load(path).outputs]
        words += [w for n in names for w in ("--output", f"{n}={place / n}.npy")]
        subprocess.run(words, check=True, env={})
        return [np.load(place / f"{n}.npy") for n in names]


def main() -> None:
    """Trace and script both cells, and compare them with eager code."""
    tw.seed(0)
    x, h = tw.random.default_rng(0).normal(size=(2, 3, 4), dtype="float32")
    x = 8 * x  # so that the signs of x decide, and not the bias
    plain, gated = Cell(), GatedCell()
    print(tw.trace_example(plain, x, h).code(x, h))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        traced = tw.trace_example(gated, x, h)
    print(f"{Path(told[0].filename).name}:{told[0].lineno}: {told[0].message}\n")
    scripted = tw.script(gated)
    print(scripted.code(x, h))
    with tempfile.TemporaryDirectory() as folder:
        for name, f in (("traced", traced), ("scripted", scripted)):
            path = Path(folder) / f"{name}.tw"
            tw.compile(f, x, h).save(path)
            for sign in (1, -1):
                eager = gated(sign * x, h)[0].numpy()
                found = run_without_python(path, sign * x, h)[0]
                same = np.allclose(found, eager, rtol=1e-6, atol=1e-6)
                print(f"{name}, x times {sign:2}: {'as eager' if same else 'not as eager'}")


if __name__ == "__main__":
    main()
