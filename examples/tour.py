"""A tour of tilewright in a minute: python examples/tour.py."""

import numpy as np

import tilewright as tw

# 1. Arrays are NumPy's, and run at once. Slices are views, as in NumPy.
a = tw.arange(12, dtype="float32").reshape((3, 4))
row = a[1]
row += 100  # writes into a
print(a)
print("mean of columns:", a.mean(axis=0).tolist())
print("shares memory with NumPy:", np.asarray(a).sum())


# 2. The same code, compiled: one program, fused kernels.
@tw.jit
def soft_distances(x: tw.Array, y: tw.Array) -> tw.Array:
    """For each row of x, how near the rows of y are, as shares."""
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None, :]
    return tw.softmax(-(squares - 2 * x @ y.T), axis=-1)


x, y = tw.normal(size=(5, 8)), tw.normal(size=(3, 8))
print("rows sum to:", soft_distances(x, y).sum(axis=1).tolist())
print("the program:", soft_distances.graph(x, y), sep="\n")

# 3. Gradients, of functions or of arrays that ask for them; both compile.
f = tw.jit(tw.grad(lambda w: (tw.tanh(w) ** 2).sum()))
print("gradient:", f(tw.asarray([0.5, -1.0])).tolist())

w = tw.array([1.0, 2.0], dtype="float32").requires_grad_()
(w * w).sum().backward()
print("w.grad:", w.grad.tolist())

# 4. State is just arrays that the function writes to.
total = tw.zeros((), dtype="float32")


@tw.jit
def count(v: tw.Array) -> None:
    """Add to the total."""
    total[...] = total + v.sum()


for _ in range(3):
    count(w.detach())
print("counted:", total.item())

# 5. Mistakes are told in one line.
try:
    tw.ones((3, 4)) @ tw.ones((5, 6))
except tw.ShapeError as error:
    print("error:", error)
