"""Train on the digits, then run the prediction without Python: python examples/artifact.py."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import tilewright as tw
from tilewright import nn
from tilewright.native_files import runner

tw.seed(0)
pixels, labels = load_digits(return_X_y=True)
pixels, labels = (pixels / 16).astype(np.float32), labels.astype(np.int64)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = nn.Adam(model.parameters(), lr=3e-3)


@tw.jit
def step(x: tw.Array, y: tw.Array) -> tw.Array:
    """Change the model by one batch; returns the loss before."""
    optimizer.zero_grad()
    loss = nn.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


for _ in range(10):
    for x, y in nn.DataLoader(pixels[:1400], labels[:1400], batch_size=64, drop_last=True):
        step(x, y)


def predict(images: tw.Array) -> dict[str, tw.Array]:
    """Pixels (n, 64) -> digits (n,) and how sure the model is of each."""
    chances = tw.softmax(model(images), axis=-1)
    return {"digit": chances.argmax(axis=-1), "chance": chances.max(axis=-1)}


# One program for any number of images; the weights are frozen into it.
made = tw.compile(predict, pixels[:32], dynamic={"images": {0: "n"}})
print(made)

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    made.save(folder / "digits.tw")
    np.save(folder / "images.npy", pixels[1400:])
    subprocess.run(
        [runner(), "digits.tw", "--input", "images.npy", "--output", "digit=digits.npy"],
        cwd=folder, env={}, check=True,
    )  # fmt: skip
    found = np.load(folder / "digits.npy")
    loaded = tw.load(folder / "digits.tw")(pixels[1400:])
    print("same in Python:", bool((loaded["digit"].numpy() == found).all()))
print(f"right: {(found == labels[1400:]).mean():.1%} of {len(found)} images it never saw")
