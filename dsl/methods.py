"""NumPy's methods of arrays: reductions, selection, and what tells how an array lies in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from . import functions as f
from .dtypes import DTypeLike
from .dtypes import dtype as as_dtype
from .errors import ArgumentError, DTypeError
from .functions.outputs import NO_VALUE

if TYPE_CHECKING:
    from .array import Array
    from .functions.axes import Axis
    from .functions.convert import ArrayLike


class Reductions:
    """Sums, extrema and their like over axes."""

    __slots__ = ()

    def sum(
        self, axis: Axis = None, dtype: DTypeLike | None = None, out: Array | None = None,
        keepdims: bool = False, initial: ArrayLike = 0, where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """The sum over `axis`."""
        return f.sum(self, axis, dtype, out, keepdims, initial, where)

    def prod(
        self, axis: Axis = None, dtype: DTypeLike | None = None, out: Array | None = None,
        keepdims: bool = False, initial: ArrayLike = 1, where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """The product over `axis`."""
        return f.prod(self, axis, dtype, out, keepdims, initial, where)

    def mean(
        self, axis: Axis = None, dtype: DTypeLike | None = None, out: Array | None = None,
        keepdims: bool = False, *, where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """The mean over `axis`."""
        return f.mean(self, axis, dtype, out, keepdims, where=where)

    def var(
        self, axis: Axis = None, dtype: DTypeLike | None = None, out: Array | None = None,
        ddof: float = 0, keepdims: bool = False, *, where: ArrayLike = True,
        mean: ArrayLike = NO_VALUE, correction: float = NO_VALUE,
    ) -> Array:  # fmt: skip
        """The variance over `axis`."""
        return f.var(
            self, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction
        )

    def std(
        self, axis: Axis = None, dtype: DTypeLike | None = None, out: Array | None = None,
        ddof: float = 0, keepdims: bool = False, *, where: ArrayLike = True,
        mean: ArrayLike = NO_VALUE, correction: float = NO_VALUE,
    ) -> Array:  # fmt: skip
        """The standard deviation over `axis`."""
        return f.std(
            self, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction
        )

    def max(
        self, axis: Axis = None, out: Array | None = None, keepdims: bool = False,
        initial: ArrayLike = NO_VALUE, where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """The largest element over `axis`."""
        return f.max(self, axis, out, keepdims, initial, where)

    def min(
        self, axis: Axis = None, out: Array | None = None, keepdims: bool = False,
        initial: ArrayLike = NO_VALUE, where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """The smallest element over `axis`."""
        return f.min(self, axis, out, keepdims, initial, where)

    def any(
        self, axis: Axis = None, out: Array | None = None, keepdims: bool = False, *,
        where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """Whether some element over `axis` is not zero."""
        return f.any(self, axis, out, keepdims, where=where)

    def all(
        self, axis: Axis = None, out: Array | None = None, keepdims: bool = False, *,
        where: ArrayLike = True,
    ) -> Array:  # fmt: skip
        """Whether every element over `axis` is not zero."""
        return f.all(self, axis, out, keepdims, where=where)

    def argmax(
        self, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
    ) -> Array:
        """The first position of the largest element."""
        return f.argmax(self, axis, out, keepdims=keepdims)

    def argmin(
        self, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
    ) -> Array:
        """The first position of the smallest element."""
        return f.argmin(self, axis, out, keepdims=keepdims)

    def cumsum(
        self, axis: int | None = None, dtype: DTypeLike | None = None, out: Array | None = None
    ) -> Array:
        """Running sums along `axis`."""
        return f.cumsum(self, axis, dtype, out)

    def cumprod(
        self, axis: int | None = None, dtype: DTypeLike | None = None, out: Array | None = None
    ) -> Array:
        """Running products along `axis`."""
        return f.cumprod(self, axis, dtype, out)

    def trace(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike | None = None,
        out: Array | None = None,
    ) -> Array:  # fmt: skip
        """The sum along the diagonals."""
        return f.trace(self, offset, axis1, axis2, dtype, out)


class Selection:
    """Elements chosen, brought into range, and written by position."""

    __slots__ = ()

    def take(
        self, indices: ArrayLike, axis: int | None = None, out: Array | None = None,
        mode: str = "raise",
    ) -> Array:  # fmt: skip
        """The elements at these positions."""
        return f.take(self, indices, axis, out, mode)

    def choose(self, choices: Any, out: Array | None = None, mode: str = "raise") -> Array:
        """For each place the element of the choice whose number stands there."""
        return f.choose(self, choices, out, mode)

    def compress(
        self, condition: ArrayLike, axis: int | None = None, out: Array | None = None
    ) -> Array:
        """The places along an axis at which a condition holds."""
        return f.compress(condition, self, axis, out)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
        """The diagonals of the planes of two axes."""
        return f.diagonal(self, offset, axis1, axis2)

    def nonzero(self) -> tuple[Array, ...]:
        """The positions of the elements that are not zero."""
        return f.nonzero(self)

    def put(self, indices: ArrayLike, values: ArrayLike, mode: str = "raise") -> None:
        """Write values at flat positions."""
        f.put(cast("Array", self), indices, values, mode)

    def repeat(self, repeats: Any, axis: int | None = None) -> Array:
        """Each element `repeats` times in a row."""
        return f.repeat(self, repeats, axis)

    def clip(
        self, min: ArrayLike | None = None, max: ArrayLike | None = None, out: Array | None = None
    ) -> Array:
        """The elements brought into [min, max]."""
        return f.clip(self, min, max, out)

    def round(self, decimals: int = 0, out: Array | None = None) -> Array:
        """The elements to `decimals` places, halves to even."""
        return f.round(self, decimals, out)

    def dot(self, b: ArrayLike, out: Array | None = None) -> Array:
        """The sum of products over the last axis."""
        return f.dot(self, b, out)

    @property
    def real(self) -> Array:
        """The real parts: of a complex array a view, else the array itself."""
        return f.real(self)

    @real.setter
    def real(self, value: ArrayLike) -> None:
        f.real(self)[...] = value

    @property
    def imag(self) -> Array:
        """The imaginary parts: of a complex array a view, else zeros."""
        return f.imag(self)

    @imag.setter
    def imag(self, value: ArrayLike) -> None:
        me = cast("Array", self)
        if not me.dtype.is_complex:
            raise DTypeError(f"imag: got an array of {me.dtype}, which has no imaginary part")
        me.imag[...] = value

    def conj(self) -> Array:
        """The complex conjugates."""
        return f.conjugate(self)

    conjugate = conj


class Flags:
    """Where an array lies, by NumPy's names: `x.flags.c_contiguous`, `x.flags["OWNDATA"]`."""

    def __init__(self, of: Array) -> None:
        self.c_contiguous = bool(of._contiguous)
        self.f_contiguous = bool(of.T._contiguous)
        self.owndata = not of._is_view
        self.writeable = True
        self.aligned = True
        self.writebackifcopy = False

    def __getitem__(self, name: str) -> bool:
        try:
            return bool(getattr(self, name.lower()))
        except AttributeError:
            raise KeyError(f"flags: got {name!r}; they are {', '.join(vars(self))}") from None

    def __repr__(self) -> str:
        return "\n".join(f"  {name.upper()} : {value}" for name, value in vars(self).items())


class FlatView:
    """All elements of an array in one axis, to read, write and iterate: `x.flat[3] = 1`."""

    def __init__(self, of: Array) -> None:
        self.base = of

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Array]:
        return iter(f.ravel(self.base))

    def __getitem__(self, key: Any) -> Array:
        return f.copy(f.ravel(self.base)[key])

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        flat = f.copy(f.ravel(self.base))
        flat[key] = value
        self.base[...] = f.reshape(flat, self.base.shape)

    def copy(self) -> Array:
        """All elements in one axis, as a new array."""
        return f.copy(f.ravel(self.base))


class Layout:
    """Bytes and memory."""

    __slots__ = ()

    @property
    def base(self) -> Array | None:
        """The array that this one is a view of, or None."""
        return cast("Array", self)._base

    @property
    def flags(self) -> Flags:
        """How the array lies in memory."""
        return Flags(cast("Array", self))

    @property
    def flat(self) -> FlatView:
        """All elements in one axis."""
        return FlatView(cast("Array", self))

    @flat.setter
    def flat(self, value: ArrayLike) -> None:
        self.flat[...] = f.resize(value, cast("Array", self).size)

    @property
    def data(self) -> memoryview:
        """The elements' memory on the host, read-only."""
        return memoryview(cast(Any, cast("Array", self).numpy()))

    def tobytes(self, order: str = "C") -> bytes:
        """The bytes of all elements, row by row ("C") or column by column ("F")."""
        return cast("Array", self).numpy().tobytes(cast(Any, order))

    def tofile(self, fid: Any, sep: str = "", format: str = "%s") -> None:
        """Write the elements to a file as bytes, or as text with a separator."""
        cast("Array", self).numpy().tofile(fid, sep, format)

    def view(self, dtype: DTypeLike | None = None) -> Array:
        """A view of the array. Bytes cannot be read as another data type yet."""
        me = cast("Array", self)
        if dtype is not None and me.dtype is not as_dtype(dtype):
            raise ArgumentError(f"view: got {dtype} for an array of {me.dtype}; they must be equal")
        return me[...]
