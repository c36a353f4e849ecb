"""Train a small network on scikit-learn's handwritten digits: python examples/digits.py."""

import numpy as np
from sklearn.datasets import load_digits

import tilewright as tw
from tilewright import nn

tw.seed(0)
pixels, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(pixels))
pixels, labels = (pixels[order] / 16).astype(np.float32), labels[order].astype(np.int64)
held_out = len(pixels) // 5

model = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
)  # fmt: skip
optimizer = nn.Adam(model.parameters(), lr=2e-3)
batches = nn.DataLoader(
    pixels[held_out:], labels[held_out:], batch_size=64, shuffle=True, drop_last=True
)


@tw.jit  # the whole step is one program: forward, backward and update
def step(x: tw.Array, y: tw.Array) -> tw.Array:
    """Change the model by one batch; returns the loss before."""
    optimizer.zero_grad()
    loss = nn.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


@tw.jit
def predict(x: tw.Array) -> tw.Array:
    """Pixels (n, 64) -> digits (n,)."""
    return model(x).argmax(axis=-1)


for epoch in range(30):
    model.train()
    for x, y in batches:
        loss = step(x, y)
    model.eval()
    right = predict(tw.asarray(pixels[:held_out])).numpy() == labels[:held_out]
    optimizer.lr *= 0.9  # a cell: the staged step sees it
    print(f"epoch {epoch + 1:2d}  loss {loss.item():.4f}  accuracy {right.mean():.2%}")

nn.save("digits.safetensors", {"model": model, "optimizer": optimizer})
nn.load("digits.safetensors", into={"model": model, "optimizer": optimizer})
