"""The house limits of docs/architecture.md: sizes, directions of import, what nobody may say."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, LINE_LENGTH = 400, 40, 100

# A room may import itself, the native core, and these.
ROOMS = {
    "dsl": set(),
    "lowering": {"dsl"},
    "backends": {"dsl", "lowering"},
    "autotune": {"dsl", "lowering", "backends"},
    "stdlib_nn": {"dsl"},
}
FACE = "src/tilewright"
TVM_FILES = {"lowering/tvm_api.py"}
HEAVY = {"tvm", "tvm_ffi", "torch", "sklearn", "scipy", "typer"}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
TARGET = re.compile(
    r"(?<![a-z])(cuda|nvptx|opencl|vulkan|spirv|metal|webgpu|wgsl|rocm|amdgcn|hexagon"
    r"|znver\d|skylake\w*|haswell|icelake\w*|sapphirerapids|neoverse\w*|cortex\w*)(?![a-z])"
)
MACHINE_PATH = re.compile(r"/(?:home|root|Users|workspace|work)/\w")
TEXT = {".py", ".pyi", ".cpp", ".h", ".md", ".toml", ".txt", ".cmake", ".json", ".yml"}


def files(folder: Path, *suffixes: str) -> list[Path]:
    """Files below a folder, without what was built and without following links."""
    built = {".git", ".venv", "build", "dist", "__pycache__", ".hypothesis"}
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in suffixes and path.is_file() and not built & set(path.parts)
        if path.resolve() == path
    )


PYTHON = files(ROOT, ".py", ".pyi")
CPP = files(ROOT / "backends", ".cpp", ".h")
PACKAGE = [p for p in PYTHON if p.relative_to(ROOT).parts[0] in {*ROOMS, "src"}]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def every(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


@every(PYTHON + CPP)
def test_files_and_lines_are_short(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= FILE_LINES, f"{len(lines)} lines; the limit is {FILE_LINES}"
    long = [i for i, line in enumerate(lines, 1) if len(line) > LINE_LENGTH]
    assert not long, f"lines {long} are longer than {LINE_LENGTH}"


@every(PYTHON)
def test_python_functions_are_short(path: Path) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {
        node.name: size
        for node in ast.walk(tree_of(path))
        if isinstance(node, functions)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"


def cpp_functions(text: str) -> Iterator[tuple[str, int]]:
    """The header and length of each C++ function, by a scan over braces."""
    blank = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    text = re.sub(blank, lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda m: "\n" * m[0].count("\n"), text, flags=re.M)
    not_function = re.compile(r"(namespace|class|struct|enum|union|extern)\b|.*=$", re.S)
    depth, function, start = 0, None, 0
    for found in re.finditer(r"[{};]", text):
        header = text[start : found.start()].strip()
        if found[0] == "{":
            if function is None and "(" in header and not not_function.match(header):
                first = found.start() - len(text[start : found.start()].lstrip())
                function = (header, depth, text.count("\n", 0, first))
            depth += 1
        elif found[0] == "}":
            depth -= 1
            if function is not None and depth == function[1]:
                yield function[0], text.count("\n", 0, found.start()) - function[2] + 1
                function = None
        start = found.end()


@every(CPP)
def test_cpp_functions_are_short(path: Path) -> None:
    found = list(cpp_functions(path.read_text()))
    long = {header: size for header, size in found if size > FUNCTION_LINES}
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"


def test_the_scan_over_braces_finds_functions() -> None:
    text = (
        'struct A {\n  int f() const {\n    return "}"[0];\n  }\n};\nint x[] = {1};\nvoid g() {}\n'
    )
    assert list(cpp_functions(text)) == [("int f() const", 3), ("void g()", 1)]


def imports(path: Path) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """Every import of a file as an absolute dotted name; the package's own start with ''."""
    parts = path.relative_to(ROOT).parts
    package = parts[2:-1] if parts[0] == "src" else parts[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node, tuple(alias.name.split("."))) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = ("", *package[: len(package) - node.level + 1], *module)
            names = [module] if len(module) > 1 else [(*module, a.name) for a in node.names]
            yield from ((node, name) for name in names)


@every(PACKAGE)
def test_imports_go_down_the_house(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for node, name in imports(path):
        assert name[0] != "tilewright", f"line {node.lineno}: imports in the package are relative"
        if name[0] == "" and room != "src":
            allowed = {room, "_native", *ROOMS[room]}
            assert name[1] in allowed, f"line {node.lineno}: {room} may not import {name[1]}"


@every([p for p in PACKAGE if not name_of(p).startswith(FACE)])
def test_no_import_of_ours_hides_in_a_function(path: Path) -> None:
    inside = {
        node.lineno
        for function in ast.walk(tree_of(path))
        if isinstance(function, ast.FunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom)
        and node.level
        # The compiler is the one heavy dependency, and its module is its one home.
        and "tvm_api" not in {node.module, *(alias.name for alias in node.names)}
    }
    assert not inside, f"lines {sorted(inside)}: no imports in functions to dodge a cycle"


@every(PACKAGE)
def test_only_one_module_says_tvm(path: Path) -> None:
    if name_of(path) not in TVM_FILES:
        said = [node.lineno for node, name in imports(path) if name[0] in {"tvm", "tvm_ffi"}]
        assert not said, f"lines {said} import tvm; only {sorted(TVM_FILES)} may"


@every(PACKAGE)
def test_nothing_unserialises_or_evaluates_code(path: Path) -> None:
    said = [name[0] for _, name in imports(path) if name[0] in UNSAFE]
    assert not said, f"imports {said}; files that we read are data, never code"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec"}, f"line {node.lineno}: {node.func.id}()"


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Names and strings of a Python file, but not its docstrings and comments."""
    nodes = list(ast.walk(tree_of(path)))
    bare = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in bare:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


@every([p for p in PACKAGE if not re.match(r"backends/\w+/|lowering/machine", name_of(p))])
def test_targets_are_named_only_in_their_folder(path: Path) -> None:
    said = [(line, text) for line, text in said_in(path) if TARGET.search(text.lower())]
    assert not said, f"the name of a target outside its backend: {said}"


@every([*files(ROOT, *TEXT), ROOT / "Makefile", ROOT / ".ci" / "run"])
def test_no_path_of_somebodys_machine(path: Path) -> None:
    found = [line for line in path.read_text().splitlines() if MACHINE_PATH.search(line)]
    assert not found, f"a path of one machine: {found}"


def test_the_link_view_is_whole() -> None:
    for room in [*ROOMS, "benchmarks"]:
        if (ROOT / room).is_dir():
            link = ROOT / FACE / room
            assert link.is_symlink(), f"{link} is not a link"
            assert link.resolve() == ROOT / room, f"{link} points elsewhere"


def test_import_loads_nothing_heavy() -> None:
    program = "import sys, tilewright; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def documented(value: object, name: str) -> Iterator[tuple[str, object]]:
    yield name, value
    if inspect.isclass(value):
        for key, member in vars(value).items():
            if not key.startswith("_") and (callable(member) or isinstance(member, property)):
                yield f"{name}.{key}", member


def test_every_public_name_has_a_docstring() -> None:
    tilewright = importlib.import_module("tilewright")
    public = {name: getattr(tilewright, name) for name in tilewright.__all__}
    bare = [
        name
        for outer, value in public.items()
        if inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)
        for name, member in documented(value, outer)
        if not inspect.getdoc(member)
    ]
    assert not bare, f"without a docstring: {bare}"


def test_every_primitive_can_be_tested() -> None:
    importlib.import_module("tilewright")
    primitive = importlib.import_module("tilewright.dsl.primitive")
    for record in primitive.REGISTRY.values():
        assert record.dtypes, f"{record} declares no dtype"
        names = {dtype.name for dtype in record.dtypes}
        assert set(record.ulp) <= names, f"{record} declares an error for a dtype that it lacks"
        for dtype in record.dtypes:
            assert list(record.samples(dtype)), f"{record} has no sample for {dtype}"
