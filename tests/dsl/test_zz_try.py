import pytest, tilewright as tw
from pathlib import Path
exec(compile(Path("/tmp/tp.py").read_text(), "/tmp/tp.py", "exec"))
@pytest.fixture(autouse=True)
def place():
    with tw.device("opencl") as d:
        yield d
