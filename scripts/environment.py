"""Set up what this checkout needs, in `.venv`: the one place that does it.

`make` calls this script. It needs a bare Python 3.11 and a C++ compiler: where Debian's
python3-venv or python3-dev is missing, it unpacks pip or the headers from Debian's packages by
`apt-get download`, which needs no root. cmake and ninja come from PyPI.

    environment.py --extra test     install the package (editable) with the extra's dependencies
    environment.py --wheel dist     build a wheel into dist/; with --kernels FOLDER one that holds
                                    the libraries of kernels there (tilewright warmup --library)
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNPACKED = VENV / "debian"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def say(message: str) -> None:
    """Print one line of progress at once."""
    print(f"tilewright: {message}", flush=True)


def run(*command: object, **options: object) -> None:
    """Run a command; if it fails, end with its exit code and no traceback of ours."""
    done = subprocess.run([str(word) for word in command], **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"tilewright: `{' '.join(map(str, command))}` failed, see above")


def check_machine() -> None:
    """End with a clear message where tilewright cannot be built."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ("x86_64", "aarch64"):
        sys.exit(f"tilewright runs on Linux x86-64 and aarch64; this is {sys.platform} {machine}")
    if sys.version_info < (3, 11):  # noqa: UP036 - the script is run by any python3
        sys.exit(f"tilewright needs Python 3.11 or newer; this is {VERSION}. Try PYTHON=python3.12")
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "c++", "g++")):
        sys.exit("tilewright needs a C++17 compiler to build from source: sudo apt install g++")


def make_venv() -> None:
    """Create `.venv` with pip in it, with Debian's python3-venv or without."""
    if (VENV / "version").exists() and (VENV / "version").read_text() == sys.version:
        return
    say(f"creating .venv with Python {VERSION}")
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("ensurepip"):
        run(sys.executable, "-m", "venv", VENV)
    else:
        run(sys.executable, "-m", "venv", "--without-pip", VENV)
        wheel = fetch_pip()
        run(PYTHON, wheel / "pip", "install", "--quiet", wheel)
    (VENV / "version").write_text(sys.version)


def fetch_pip() -> Path:
    """pip's wheel from the Debian package that python3-venv itself would use."""
    say("python3-venv is not installed; unpacking python3-pip-whl into .venv")
    unpack("python3-pip-whl")
    found = sorted((UNPACKED / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    if not found:
        sys.exit("tilewright needs pip: sudo apt install python3-venv")
    return found[-1]


def header_folder() -> Path | None:
    """Where Python's C headers were unpacked, or None if the system has them."""
    if (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return None
    include = UNPACKED / "usr" / "include"
    if not (include / f"python{VERSION}" / "Python.h").exists():
        say("python3-dev is not installed; unpacking its headers into .venv")
        unpack(f"libpython{VERSION}-dev")
    if not (include / f"python{VERSION}" / "Python.h").exists():
        sys.exit("tilewright needs Python's C headers: sudo apt install python3-dev")
    return include


def unpack(package: str) -> None:
    """Unpack a Debian package below `.venv/debian`; needs no root and installs nothing."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return
    state = UNPACKED / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    own = ["-qq", "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
    own += ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]
    # The system's package lists may be missing (a container) or old, so fetch fresh ones beside.
    if subprocess.run(["apt-get", "-qq", "download", package], cwd=UNPACKED).returncode:
        subprocess.run(["apt-get", *own, "update"], cwd=UNPACKED)
        subprocess.run(["apt-get", *own, "download", package], cwd=UNPACKED)
    for archive in UNPACKED.glob(f"{package}*.deb"):
        run("dpkg-deb", "-x", archive, UNPACKED)


def build_variables() -> dict[str, str]:
    """The environment in which the native part is built."""
    variables = dict(os.environ, PATH=f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}")
    include = header_folder()
    if include:
        # Debian's pyconfig.h includes the one of the architecture from the folder above.
        variables["CPLUS_INCLUDE_PATH"] = str(include)
        flag = f"-DPython_INCLUDE_DIR={include}/python{VERSION}"
        variables["CMAKE_ARGS"] = f"{os.environ.get('CMAKE_ARGS', '')} {flag}".strip()
    return variables


def pip(*words: object, **options: object) -> None:
    """Run the virtual environment's pip."""
    run(PYTHON, "-m", "pip", "--disable-pip-version-check", *words, **options)


def build_requirements() -> list[str]:
    """What pyproject.toml says the build needs; cmake and ninja so that the system need not."""
    import tomllib  # new in Python 3.11, and an older one must get as far as its message

    with (ROOT / "pyproject.toml").open("rb") as file:
        return [*tomllib.load(file)["build-system"]["requires"], "cmake>=3.18", "ninja"]


def compile_sources() -> None:
    """Write the package's bytecode, which Python would do at the first import if it were let.

    Where PYTHONDONTWRITEBYTECODE is set it is not, and each import would take 0.2 s more.
    """
    package = ROOT / "src" / "tilewright"
    folders = [package, *(path for path in package.iterdir() if path.is_symlink())]
    run(PYTHON, "-m", "compileall", "-q", *folders)


def check_kernels(folder: Path | None) -> None:
    """End with a message if there are no libraries where the wheel is to take them from."""
    if folder is not None and not list(folder.glob("*.kernels")):
        sys.exit(f"tilewright: there are no libraries of kernels in {folder}: make wheel")


def main() -> None:
    """Bring `.venv` up to date, then install the package or build a wheel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--extra", help="install the package with this extra of pyproject.toml")
    parser.add_argument("--wheel", type=Path, help="build a wheel into this folder")
    parser.add_argument("--kernels", type=Path, help="libraries of kernels for the wheel")
    options = parser.parse_args()
    check_machine()
    check_kernels(options.kernels)
    make_venv()
    variables = build_variables()
    if options.kernels:
        define = shlex.quote(f"-DTILEWRIGHT_KERNELS={options.kernels.resolve()}")
        variables["CMAKE_ARGS"] = f"{variables.get('CMAKE_ARGS', '')} {define}".strip()
    # Without build isolation the paths of pybind11 and cmake stay, and so does what was built.
    pip("install", "--quiet", *build_requirements())
    if options.extra:
        say(f"building, and installing what [{options.extra}] needs (once, about 1 GB on disk)")
        target = f"{ROOT}[{options.extra}]"
        pip("install", "--quiet", "--no-build-isolation", "--editable", target, env=variables)
        compile_sources()
    if options.wheel:
        words = ("wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir")
        pip(*words, options.wheel, ROOT, env=variables)
        say(f"wrote {', '.join(map(str, options.wheel.glob('*.whl')))}")


if __name__ == "__main__":
    main()
