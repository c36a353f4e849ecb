"""Random programs of views and writes, as lines of code that are valid in NumPy.

The strategy runs each line in NumPy as it draws the next, so that it knows the shapes. All numbers
are whole and small: sums, differences and extrema are exact, whatever is fused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPES = ((6,), (3, 4), (2, 3, 2), (4, 1), (1,), (0, 3))
FUNCTIONS = ("add", "subtract", "maximum", "minimum")
OPERATORS = ("+", "-")


def start(shapes: list[tuple[int, ...]]) -> dict[str, Any]:
    """The arrays that a program begins with: a, b, ..."""
    made = {}
    for name, shape in zip("abc", shapes, strict=False):
        count = int(np.prod(shape))
        made[name] = (np.arange(count, dtype=float) * 7 % 5 - 2).reshape(shape)
    return made


class Writer:
    """Draws the lines of a program, and keeps what NumPy makes of them."""

    def __init__(self, draw: Any, arrays: dict[str, Any], staged: bool) -> None:
        self.draw, self.arrays, self.staged = draw, arrays, staged
        self.lines: list[str] = []

    def pick(self, *choices: Any) -> Any:
        """One of several, the first being the simplest."""
        return self.draw(st.sampled_from(choices))

    def name(self) -> str:
        """A variable that holds an array."""
        return self.pick(*(n for n, v in self.arrays.items() if isinstance(v, np.ndarray)))

    def other(self, shape: tuple[int, ...]) -> str:
        """Something that broadcasts to a shape: a number or a variable."""
        fitting = [n for n, v in self.arrays.items() if fits(np.shape(v), shape)]
        return str(self.pick(self.pick(1, 3, -2), *fitting))

    def key(self, shape: tuple[int, ...]) -> str:
        """An index that makes a view."""
        return text_of(self.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=4)))

    def places(self, shape: tuple[int, ...]) -> str:
        """An index with positions along the first axis, and maybe a window of the next."""
        positions = self.draw(
            st.lists(st.integers(-shape[0], shape[0] - 1), min_size=1, max_size=4)
        )
        window = self.pick("", ", ::-1", ", None") if len(shape) > 1 else ""
        return f"{positions}{window}"

    def add(self) -> None:
        """Draw one more line, and run it."""
        kinds = [self.new_view, self.write, self.in_place, self.into, self.new_array, self.masked]
        kind = self.pick(*kinds, self.gathered, self.scattered, self.method)
        line = kind(self.name())
        if line:
            exec(line, {"np": np, **self.arrays}, self.arrays)
            self.lines.append(line)

    # Each takes a variable, and gives a line ("" if none fits the variable's shape).

    def new_view(self, x: str) -> str:
        """A view of an array."""
        shape = self.arrays[x].shape
        how = self.pick("[]", ".T", ".reshape(-1)", "[..., None]", ".swapaxes(0, -1)", "[::-1]")
        if how == "[]":
            how = f"[{self.key(shape)}]"
        elif not shape and how in ("[::-1]", ".swapaxes(0, -1)"):
            return ""
        return f"{self.fresh()} = {x}{how}"

    def write(self, x: str) -> str:
        """A value written to a window."""
        key = self.key(self.arrays[x].shape)
        return f"{x}[{key}] = {self.other(np.shape(self.arrays[x][eval_key(key)]))}"

    def in_place(self, x: str) -> str:
        """An operator in place, on an array or on a window of it."""
        operator = self.pick(*OPERATORS)
        if self.pick(True, False):
            return f"{x} {operator}= {self.other(self.arrays[x].shape)}"
        key = self.key(self.arrays[x].shape)
        value = self.other(np.shape(self.arrays[x][eval_key(key)]))
        return f"{x}[{key}] {operator}= {value}"

    def into(self, x: str) -> str:
        """A function whose result goes to an array, maybe to some of its elements only."""
        shape = self.arrays[x].shape
        function, first, second = self.pick(*FUNCTIONS), self.other(shape), self.other(shape)
        where = self.pick("", f", where={x} > 0")
        return f"np.{function}({first}, {second}, out={x}{where})"

    def new_array(self, x: str) -> str:
        """A result with memory of its own."""
        shape = self.arrays[x].shape
        how = self.pick("* 2", "sum", "copy", "+")
        if how == "sum":
            return f"{self.fresh()} = {x}.sum(axis=0)" if shape else ""
        if how == "copy":
            return f"{self.fresh()} = {x}.copy()"
        return f"{self.fresh()} = {x} {how} {self.other(shape) if how == '+' else ''}".strip()

    def masked(self, x: str) -> str:
        """A number where a condition holds, or the elements where it does."""
        limit = self.pick(0, 1, -1)
        if self.staged or self.pick(True, False):
            return f"{x}[{x} > {limit}] = {self.pick(5, -5)}"
        return f"{self.fresh()} = {x}[{x} > {limit}]"

    def gathered(self, x: str) -> str:
        """Elements at positions: a copy."""
        shape = self.arrays[x].shape
        return f"{self.fresh()} = {x}[{self.places(shape)}]" if shape and shape[0] else ""

    def scattered(self, x: str) -> str:
        """A value at positions."""
        shape = self.arrays[x].shape
        if not shape or not shape[0]:
            return ""
        places = self.places(shape)
        value = self.other(np.shape(self.arrays[x][eval_key(places)]))
        return f"{x}[{places}] {self.pick('', '+')}= {value}"

    def method(self, x: str) -> str:
        """What writes to its own array."""
        if not self.arrays[x].shape:
            return f"{x}.fill(4)"
        value = self.other(self.arrays[x].shape)
        return str(self.pick(f"{x}.fill(4)", f"{x}.sort(axis=0)", f"np.copyto({x}, {value})"))

    def fresh(self) -> str:
        """A name of no variable yet."""
        return f"v{len(self.lines)}"


def fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def text_of(key: Any) -> str:
    """An index as code."""
    if isinstance(key, tuple):
        return ", ".join(map(text_of, key)) + "," if key else "()"
    if isinstance(key, slice):
        ends = ("" if n is None else str(n) for n in (key.start, key.stop, key.step))
        return ":".join(ends)
    return "..." if key is Ellipsis else str(key)


class _Key:
    def __getitem__(self, key: Any) -> Any:
        return key


def eval_key(text: str) -> Any:
    """The index of its code."""
    return eval(f"key[{text}]", {"key": _Key()})


@st.composite
def programs(draw: Any, staged: bool = False) -> tuple[list[tuple[int, ...]], list[str]]:
    """The shapes of the arrays a, b, ... and the lines of a program on them."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2))
    writer = Writer(draw, start(shapes), staged)
    for _ in range(draw(st.integers(1, 8))):
        writer.add()
    return shapes, writer.lines
