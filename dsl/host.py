"""Names of NumPy whose work is the host's by nature: text and files.

Arrays are handed to NumPy as host copies, and what is read becomes an Array. Nothing is ever
pickled, in neither direction, and a file that is written appears whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from .dtypes import DType, bfloat16, to_numpy
from .errors import ArgumentError, DTypeError
from .functions.convert import asarray, is_array


def _host(x: Any) -> Any:
    """NumPy's form of an argument: of an Array its elements, of a DType the dtype."""
    if is_array(x):
        return x.numpy()
    if isinstance(x, DType):
        return to_numpy(x)
    return type(x)(map(_host, x)) if type(x) in (list, tuple) else x


def _text(name: str) -> Callable[..., Any]:
    """A function that makes text or settings: NumPy's, on the host."""
    function = getattr(np, name)

    @wraps(function)
    def on_host(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_host, args), **{k: _host(v) for k, v in kwargs.items()})

    on_host.__doc__ = f"NumPy's `{name}`, on the host copy of the array."
    return on_host


def _reader(name: str) -> Callable[..., Any]:
    """A function that reads a file or text: NumPy's, and the result as an Array."""
    function = getattr(np, name)

    @wraps(function)
    def read(*args: Any, **kwargs: Any) -> Any:
        made = function(*map(_host, args), **{k: _host(v) for k, v in kwargs.items()})
        return tuple(map(asarray, made)) if isinstance(made, tuple | list) else asarray(made)

    read.__doc__ = f"NumPy's `{name}` on the host; what it reads becomes an Array."
    return read


array2string = _text("array2string")
array_repr = _text("array_repr")
array_str = _text("array_str")
base_repr = _text("base_repr")
binary_repr = _text("binary_repr")
format_float_positional = _text("format_float_positional")
format_float_scientific = _text("format_float_scientific")
get_printoptions = _text("get_printoptions")
set_printoptions = _text("set_printoptions")
printoptions = _text("printoptions")
show_config = _text("show_config")
genfromtxt = _reader("genfromtxt")
loadtxt = _reader("loadtxt")
fromfile = _reader("fromfile")
fromstring = _reader("fromstring")


class Archive(Mapping[str, Any], AbstractContextManager["Archive"]):
    """The arrays of an .npz file by name, each read when it is asked for."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened

    @property
    def files(self) -> list[str]:
        """The names."""
        return list(self._opened.files)

    def __getitem__(self, name: str) -> Any:
        return asarray(self._opened[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened.files)

    def __len__(self) -> int:
        return len(self._opened.files)

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def __exit__(self, *exception: object) -> None:
        self.close()


def load(
    file: Any,
    mmap_mode: Any = None,
    allow_pickle: bool = False,
    fix_imports: bool = True,
    encoding: Any = "ASCII",
    *,
    max_header_size: int = 10000,
) -> Any:
    """The array of an .npy file, or those of an .npz file by name (`Archive`), read by NumPy.

    Raises ArgumentError for `allow_pickle`: pickled objects are code.
    """
    _no_pickle("load", allow_pickle)
    made = np.load(file, mmap_mode, encoding=encoding, max_header_size=max_header_size)
    return Archive(made) if hasattr(made, "files") else asarray(made)


def _no_pickle(name: str, asked: bool) -> None:
    if asked:
        raise ArgumentError(f"{name}: got allow_pickle=True; pickled objects are code, never data")


def _writable(name: str, x: Any) -> Any:
    """The host copy of what is to be written: numbers, as files know them."""
    array = asarray(x)
    if array.dtype is bfloat16:
        raise DTypeError(f"{name}: got bfloat16, which the file format lacks; convert to float32")
    return array.numpy()


def _written(file: Any, ending: str, write: Callable[[Any], None]) -> None:
    """Write to an open file, or to a new one that takes the place of `file` when it is whole."""
    if hasattr(file, "write"):
        write(file)
        return
    path = Path(os.fspath(file))
    if ending and path.suffix != ending:
        path = path.with_name(path.name + ending)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(descriptor, "wb") as stream:
            write(stream)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save(file: Any, arr: Any, allow_pickle: bool = False) -> None:
    """Write an array to an .npy file."""
    _no_pickle("save", allow_pickle)
    host = _writable("save", arr)
    _written(file, ".npy", lambda stream: np.save(stream, host, allow_pickle=False))


def savez(file: Any, *args: Any, allow_pickle: bool = False, **kwds: Any) -> None:
    """Write several arrays to one .npz file, under the names arr_0, ... or those given."""
    _savez("savez", np.savez, file, args, allow_pickle, kwds)


def savez_compressed(file: Any, *args: Any, allow_pickle: bool = False, **kwds: Any) -> None:
    """Write several arrays to one compressed .npz file."""
    _savez("savez_compressed", np.savez_compressed, file, args, allow_pickle, kwds)


def _savez(
    name: str, function: Any, file: Any, args: Any, allow_pickle: bool, kwds: dict[str, Any]
) -> None:
    _no_pickle(name, allow_pickle)
    given = [_writable(name, x) for x in args]
    named = {k: _writable(name, x) for k, x in kwds.items()}
    _written(file, ".npz", lambda stream: function(stream, *given, **named, allow_pickle=False))


def savetxt(
    fname: Any,
    X: Any,
    fmt: Any = "%.18e",
    delimiter: str = " ",
    newline: str = "\n",
    header: str = "",
    footer: str = "",
    comments: str = "# ",
    encoding: str | None = None,
) -> None:
    """Write an array as text, a row in a line (compressed, for a name that ends in .gz)."""
    host = _writable("savetxt", X)
    settings: Any = (fmt, delimiter, newline, header, footer, comments, encoding)
    if hasattr(fname, "write") or Path(os.fspath(fname)).suffix in (".gz", ".bz2", ".xz"):
        np.savetxt(fname, host, *settings)
        return
    _written(fname, "", lambda stream: np.savetxt(stream, host, *settings))


__all__ = [
    "array2string",
    "array_repr",
    "array_str",
    "base_repr",
    "binary_repr",
    "format_float_positional",
    "format_float_scientific",
    "fromfile",
    "fromstring",
    "genfromtxt",
    "get_printoptions",
    "load",
    "loadtxt",
    "printoptions",
    "save",
    "savetxt",
    "savez",
    "savez_compressed",
    "set_printoptions",
    "show_config",
]
