"""The native core: cells, buffers, eager dispatch, kernels, programs, threads.

DType codes are those of `dsl/dtypes.py`. Shapes and strides are in elements. Errors are ValueError
(shapes, damaged input), TypeError (dtypes), OverflowError, MemoryError, unless `set_errors`
names subclasses of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsInt

from typing_extensions import CapsuleType

from ._native_devices import *  # noqa: F403
from ._native_devices import DeviceKernel
from ._native_dispatch import *  # noqa: F403
from .dsl.array import Array
from .dsl.dtypes import DType

def setup(
    array_type: type[Cell],
    dtypes: Sequence[DType],
    promotion: Sequence[int],
    slow: Callable[[str, Any, Any], Any],
) -> None:
    """Tell the core what it makes and whom it asks.

    `array_type` is what results are instances of (a subclass of Cell with `__slots__ = ()`);
    `dtypes[code]` is what `Cell.dtype` gives; `promotion[13 * a + b]` is the code of two arrays'
    result; `slow(op, a, b)` is the Python path of operators (b is None for unary ones). Operator
    names: add sub mul truediv floordiv mod pow matmul and or xor lshift rshift, lt le eq ne gt ge,
    neg pos abs invert, iadd ... (in place), bool int float index;
    of arrays on devices also `contiguous` (a root of a window) and `write` (into a window).
    """

def set_errors(errors: Mapping[str, type[Exception]]) -> None:
    """The exception classes for the kinds "value", "shape", "dtype", "overflow", "memory", and of
    artifacts "damaged", "foreign" and "system"."""

class Cell:
    """A mutable cell that holds an immutable value; the base class of Array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def strides(self) -> tuple[int, ...]:
        """In bytes, within the base's buffer; of a traced cell those of a contiguous array."""
    @property
    def _steps(self) -> tuple[int, ...]:
        """The strides in elements."""
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def dtype(self) -> DType: ...
    @property
    def _code(self) -> int:
        """The dtype's code."""
    _traced: Any
    """The payload of a traced value, None when concrete. Setting it hides the concrete value, if
    there is one, until it is set to None again (`assign` replaces the value instead)."""
    _node: Any
    _grad: Any
    requires_grad: bool
    @property
    def _base(self) -> Array | None: ...
    @property
    def _moves(self) -> Any: ...
    @property
    def _version(self) -> int:
        """The number of changes of the value (of the base's value, for a view)."""
    @property
    def _is_view(self) -> bool: ...
    @property
    def _is_concrete(self) -> bool:
        """Has a value in memory now (a view: its base has one and the view has a window)."""
    @property
    def _has_window(self) -> bool:
        """A root, or a view made by `view` (not by `traced_view`)."""
    @property
    def _contiguous(self) -> bool: ...
    @property
    def _offset(self) -> int:
        """Of a view's window in the base's buffer, in elements."""
    @property
    def _address(self) -> int:
        """Of the first element in memory; raises ValueError when not concrete."""
    @property
    def _device(self) -> int:
        """The number of the device where the value is; 0: the host, or nowhere (traced)."""
    @property
    def _holders(self) -> int:
        """Who shares the buffer: cells, exports, running programs. A write at 1 is in place."""
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> CapsuleType:
        """Shared and flagged read-only for consumers of DLPack 1.0 or newer; older ones and
        `copy=True` get a copy. `dl_device=(1, 0)` copies what is on a device to the host."""
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any, /) -> Array: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __floordiv__(self, other: Any, /) -> Array: ...
    def __rfloordiv__(self, other: Any, /) -> Array: ...
    def __mod__(self, other: Any, /) -> Array: ...
    def __rmod__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, modulo: None = None, /) -> Array: ...
    def __rpow__(self, other: Any, modulo: None = None, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __rmatmul__(self, other: Any, /) -> Array: ...
    def __and__(self, other: Any, /) -> Array: ...
    def __rand__(self, other: Any, /) -> Array: ...
    def __or__(self, other: Any, /) -> Array: ...
    def __ror__(self, other: Any, /) -> Array: ...
    def __xor__(self, other: Any, /) -> Array: ...
    def __rxor__(self, other: Any, /) -> Array: ...
    def __lshift__(self, other: Any, /) -> Array: ...
    def __rlshift__(self, other: Any, /) -> Array: ...
    def __rshift__(self, other: Any, /) -> Array: ...
    def __rrshift__(self, other: Any, /) -> Array: ...
    def __iadd__(self, other: Any, /) -> Array: ...
    def __isub__(self, other: Any, /) -> Array: ...
    def __imul__(self, other: Any, /) -> Array: ...
    def __itruediv__(self, other: Any, /) -> Array: ...
    def __ifloordiv__(self, other: Any, /) -> Array: ...
    def __imod__(self, other: Any, /) -> Array: ...
    def __ipow__(self, other: Any, /) -> Array: ...  # type: ignore[misc]
    def __imatmul__(self, other: Any, /) -> Array: ...
    def __iand__(self, other: Any, /) -> Array: ...
    def __ior__(self, other: Any, /) -> Array: ...
    def __ixor__(self, other: Any, /) -> Array: ...
    def __ilshift__(self, other: Any, /) -> Array: ...
    def __irshift__(self, other: Any, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __pos__(self) -> Array: ...
    def __abs__(self) -> Array: ...
    def __invert__(self) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...
    def __eq__(self, other: Any, /) -> Array: ...  # type: ignore[override]
    def __ne__(self, other: Any, /) -> Array: ...  # type: ignore[override]

def empty(shape: Sequence[int], dtype_code: int, device: int = 0) -> Array:
    """An array of unset elements."""

def from_buffer(obj: Any, dtype_code: int, copy: bool) -> Array:
    """The elements of an object with the buffer protocol, of any strides and the dtype's item size
    (bfloat16 as uint16). With `copy=False` the memory is shared, kept alive, and never written (a
    write to the cell copies first); strided memory is a view (`_moves` None) of a 1-D base."""

def from_dlpack(obj: Any, copy: bool, to_host: bool = False) -> Array:
    """The array of an object with `__dlpack__` on the CPU, or (`to_host`) of its copy there."""

def from_scalar(value: bool | float | SupportsInt, dtype_code: int) -> Array:
    """A 0-d array; an int that the dtype cannot hold raises OverflowError, as NumPy does."""

def traced(shape: Sequence[int], dtype_code: int, payload: Any) -> Array:
    """A cell whose value is a variable of the trace in progress."""

def alias(cell: Cell) -> Array:
    """A snapshot: a new root with the value and `_node`; a concrete view's elements are copied."""

def view(
    base: Cell, shape: Sequence[int], strides: Sequence[int], offset: int, moves: Any,
    dtype_code: int = -1,
) -> Array:  # fmt: skip
    """A window, in elements of the dtype (the base's), on a concrete root; bounds are checked."""

def traced_view(base: Cell, shape: Sequence[int], moves: Any, dtype_code: int = -1) -> Array:
    """A view that has no window, because its base is traced."""

def contiguous(cell: Cell) -> Array:
    """The cell itself if it is a root, else its elements in a fresh root (without `_node`)."""

def assign(cell: Cell, value: Cell) -> None:
    """The root `cell` takes the value (buffer or payload) and `_node` of `value`; same shape and
    dtype required; a concrete view as value is copied; the version goes up by one."""

def write(cell: Cell, value: Cell) -> None:
    """Copy `value` (concrete, same dtype, broadcastable) into the cell's window: in place if nobody
    else holds the buffer, else into a copy that the root then holds. They may overlap."""

def put(cell: Cell, places: Cell, value: Cell, outer: int, n: int, inner: int) -> None:
    """Write at int64 places of the middle axis of a contiguous array of outer x n x inner."""

def raw(cell: Cell) -> Array:
    """A bfloat16 or float16 array's bits as uint16, sharing the value; others as `alias`."""

def reinterpret(cell: Cell, dtype_code: int, shape: Sequence[int]) -> Array:
    """The bytes of a concrete array as a root of another dtype and shape, as long together."""

def tolist(cell: Cell) -> Any:
    """Nested lists of Python scalars (a scalar for 0-d)."""

def item(cell: Cell) -> Any:
    """The only element of a concrete array of size 1."""

class Kernel:
    """Machine code from a relocatable ELF object, with its phases and tables."""

    def __init__(self, object: bytes, words: bytes, tables: Sequence[bytes] = ()) -> None: ...
    @property
    def n_buffers(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def n_sizes(self) -> int: ...
    @property
    def n_phases(self) -> int: ...
    def scratch_bytes(self, *sizes: int) -> int:
        """The scratch memory of one run with the present number of threads."""
    def cost(self, *sizes: int) -> float:
        """The declared time of one run on one core, in seconds."""
    def __call__(self, buffers: Sequence[Cell], sizes: Sequence[int]) -> None:
        """Run once on contiguous cells, inputs, then outputs, written whoever shares them."""

class MapKernel:
    """An eager elementwise operation for fixed dtypes."""

    def __init__(
        self, name: str, in_codes: Sequence[int], out_code: int, compile: Callable[[int], Kernel]
    ) -> None:
        """`compile(mask)` gives the 1-D kernel (buffers: inputs then output; one size: n) where
        bit i of mask says that input i is one element for all; it is called once per mask."""
    @property
    def name(self) -> str: ...
    def __call__(self, *cells: Cell | bool | int | float) -> Array:
        """Broadcasts and computes. Python scalars take the dtype of their place."""

def set_operator_function(op: str, function: Callable[..., Any] | None) -> None:
    """What operator `op` calls on operands for which it has no kernel (None: the slow path)."""

class Program:
    """A compiled graph: instructions over slots, with its kernels."""

    def __init__(
        self,
        words: bytes,
        kernels: Sequence[Kernel] | Sequence[DeviceKernel],
        name: str = "program",
        device: int = 0,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def routines(self) -> tuple[str, ...]:
        """The names of the native routines that it calls."""

    def __call__(self, *cells: Cell) -> tuple[Array, ...]: ...
    def run(self, inputs: Iterable[Cell]) -> list[Array]: ...

def call_routine(
    name: str, inputs: Sequence[Cell], shape: Sequence[int], dtype_code: int, sizes: Sequence[int]
) -> Array:
    """Call a native routine at once; its sizes mean what core/routines.h says of it."""

def routines() -> list[str]:
    """The names of all native routines."""

def lapack_names() -> list[str]:
    """The functions of LAPACK that routines call: dpotrf, spotrf, ..."""

def set_lapack(name: str, function: object) -> None:
    """Hand over a function of LAPACK: a capsule whose name is its C signature."""

def fourier_names() -> list[str]:
    """The loops of Fourier transforms that routines call: fft_float32, irfft_float64, ..."""

def set_fourier(name: str, loop: int, context: int) -> None:
    """Hand over a loop of NumPy's form (core/fourier.h) and its context, as addresses."""

class Artifact:
    """A compiled function from a file: its program, kernels and weights."""

    @staticmethod
    def open(path: str, check_weights: bool, copy: bool, device: str) -> Artifact:
        """Map (or with `copy` read) and check a file."""
    @staticmethod
    def from_memory(source: Any, check_weights: bool) -> Artifact:
        """The same from an object with the buffer protocol, which is kept alive."""
    @property
    def manifest(self) -> str: ...
    @property
    def routines(self) -> list[str]: ...
    def run(self, inputs: Sequence[Cell]) -> list[Array]: ...

ARTIFACT_FORMAT: int
"""The newest version of the file format that `Artifact` reads."""

def sha256(data: Any) -> bytes: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def memory_stats(device: int = 0) -> dict[str, int]:
    """in_use and peak (bytes asked for, rounded up to 64), pooled (for reuse), limit (0: none)."""

def reset_peak(device: int = 0) -> None:
    """The peak starts again from what is in use."""

def empty_cache(device: int = 0) -> None:
    """Give pooled memory back to the system; of a device, when what is queued is done."""

def set_memory_limit(bytes: int, device: int = 0) -> None:
    """The most bytes of arrays at once; 0: none."""

class Route:
    """A staged call but for the choice of its program; dsl/route.py says what the parts are.
    ValueError for parts that do not fit."""

    def __init__(
        self,
        program: Any,
        inputs: tuple[tuple[int, Any], ...],
        guards: tuple[tuple[int, Any, Any, Any], ...],
        result: tuple[Any, ...],
        commits: tuple[tuple[int, Any], ...],
        clears: tuple[Cell, ...],
        rebinds: tuple[tuple[Cell, Any], ...],
        makes_gradients: bool,
        /,
    ) -> None: ...

class Staged:
    """A base for staged functions: a call of a kind that is known takes its route; all others go to
    the method `_call_slowly(args, kwargs)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    @property
    def _known(self) -> int: ...
    @property
    def _calls(self) -> int: ...
    def _remember(self, args: tuple[Any, ...], kwargs: dict[str, Any], route: Route, /) -> bool:
        """Calls like this one take the route from now on; False if the arguments hold what a key
        cannot tell."""
    def _forget(self) -> None: ...
    def _count(self) -> None:
        """Count a call that Python has made."""

def set_shape_of(shape_of: Any) -> None:
    """What gives the shape of a traced cell while sizes are tracked."""

def set_sized(on: bool) -> bool:
    """While on, this thread's traced cells give their sizes by `set_shape_of`'s function; returns
    what it was."""

def set_tracing(on: bool) -> bool: ...  # operators take the slow path; returns what it was
def set_grad_enabled(on: bool) -> bool:
    """While on, this thread's operators on tracked cells go the slow path; returns what it was."""

def grad_enabled() -> bool: ...
def reproducible() -> bool: ...
def set_reproducible(on: bool) -> bool: ...  # this thread's kernels; returns what it was
def timeline_start() -> int:
    """Begin to record; gives the time for `timeline_stop`. Recordings may overlap."""

def timeline_stop(since: int) -> dict[str, Any]:
    """End a recording. `events` are the records of core/timeline.h that began since, as bytes;
    `names` their texts by number (UTF-8); `tracks` tuples (number, the system's thread number or 0,
    name, whether somebody gave that name); `dropped` counts the events that did not fit."""

def timeline_record(category: int, name: str, start: int, end: int, detail: str = "") -> None:
    """Record a span of this thread, in nanoseconds of time.perf_counter_ns()."""
