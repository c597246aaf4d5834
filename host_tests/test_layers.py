# SPDX-License-Identifier: GPL-2.0-only
"""Nothing lower imports anything higher, and no two modules import each other.

Imports for the type checker count too: who names a type knows of it.
"""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[1] / "harness"

# Lowest first.  Those of one line know nothing of each other.
LAYERS = [
    {"errors", "text"},
    {"splats"},
    {"architectures"},
    {"host"},
    {"debian"},
    {"kernels"},
    {"image"},
    {"machine"},
    {"suite", "guest"},
    {"postmortem"},
    {"contract"},
    {"verdicts"},
    {"results"},
    {"run"},
    {"options"},
    {"plugin"},
    {"bisection", "matrix", "selftest"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def module_name(path: Path) -> str:
    """``harness/kernels/find.py`` is harness.kernels.find, a package's __init__ the package."""
    parts = path.relative_to(HARNESS.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(HARNESS.rglob("*.py"))}


def imports(source: str, *, types: bool) -> list[tuple[int, str]]:
    """Line and name of each module of the harness that ``source`` imports.

    ``types`` says whether to count what stands below ``if TYPE_CHECKING``.
    """
    found = []

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            if not types:
                return
        elif isinstance(node, ast.Import):
            found.extend((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.append((node.lineno, whole if whole in MODULES else str(node.module)))
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(source))
    return [(line, name) for line, name in found if name.split(".")[0] == "harness"]


def wrong(name: str, source: str) -> list[str]:
    """The imports in ``source``, the module ``name``, that go up or sideways."""
    layer = name.split(".")[1]
    return [
        f"{name}:{line} imports {imported}: '{imported.split('.')[1]}' is not below '{layer}'"
        for line, imported in imports(source, types=True)
        if imported != "harness" and imported.split(".")[1] != layer
        if LEVEL[imported.split(".")[1]] >= LEVEL[layer]
    ]


def test_every_module_has_its_layer():
    assert {name.split(".")[1] for name in MODULES if name != "harness"} == set(LEVEL)


@pytest.mark.parametrize("name", [name for name in MODULES if name != "harness"])
def test_nothing_lower_imports_anything_higher(name):
    assert wrong(name, MODULES[name].read_text()) == []


def test_the_package_itself_imports_nothing():
    assert imports(MODULES["harness"].read_text(), types=True) == []


def test_no_modules_import_each_other():
    graph = {
        name: {imported for _, imported in imports(path.read_text(), types=False)}
        for name, path in MODULES.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names them


@pytest.mark.parametrize(
    "source",
    [
        "import harness.cli",
        "from harness import run",
        "from harness.run.plan import Plan",
        "from harness import errors, run",
        "def f():\n    from harness.run.plan import Plan",
        "if TYPE_CHECKING:\n    from harness.run.plan import Plan",
        "if typing.TYPE_CHECKING:\n    from harness.run.plan import Plan",
        "try:\n    import harness.run.plan as p\nexcept ImportError:\n    pass",
    ],
)
def test_an_import_that_goes_up_is_named(source):
    [message] = wrong("harness.machine.vm", source)
    assert message.startswith("harness.machine.vm:")
    assert "is not below 'machine'" in message
