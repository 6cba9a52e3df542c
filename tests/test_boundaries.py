"""Who may import whom, and what a command may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc

PACKAGE = Path(cnncalc.__file__).parent
VALUES = {"problem", "suggest", "quantity", "argument", "window"}
SYNTAX = VALUES | {"document", "nodes", "decoding", "scalars", "syntax", "expression"}
CONTRACT = {"layer", "argument", "window", "problem"}
BUILD = SYNTAX | CONTRACT | {"layers", "keras", "graph", "spec", "reader", "scope", "evaluate"}

# room -> the rooms of ours that it may import; a room not listed here fails the test
ALLOWED = {
    "__init__": {"api"},
    "__main__": {"cli"},
    "api": {"analysis", "builder", "graph", "layer", "pipeline", "problem", "source", "document"},
    "problem": set(),
    "suggest": set(),
    "window": set(),
    "argument": set(),
    "quantity": set(),
    "nodes": {"problem", "scalars"},
    "scalars": {"problem"},
    "syntax": {"problem", "scalars"},
    "decoding": {"problem", "scalars", "syntax", "nodes"},
    "document": {"problem", "scalars", "syntax", "nodes", "decoding"},
    "expression": {"suggest", "problem", "functions"},
    "functions": {"suggest", "problem", "expression"},
    "layer": {"argument", "window", "problem"},
    "layers": {"layer", "argument", "window", "layers"},
    "keras": {"suggest"},
    "graph": {"layer", "problem"},
    "spec": {"document", "problem"},
    "reader": {"layers", "document", "keras", "problem", "spec", "suggest"},
    "scope": {"expression", "graph", "layer"},
    "evaluate": BUILD | {"expression"},
    "instantiate": BUILD,
    "builder": BUILD | {"instantiate"},
    "source": {"suggest"},
    "pipeline": {"analysis", "builder", "document", "graph", "problem", "reader", "source", "spec"},
    "analysis": {"analysis", "graph", "layer", "window", "problem", "quantity", "document", "suggest"},
    "render": {"render", "analysis", "graph", "layer", "layers", "problem", "instantiate", "__init__"},
    "cli": None,  # the command line may import everything
}

# foreign packages that only some rooms may import
GUARDED = {
    "yaml": {"document.py", "decoding.py", "syntax.py"},
    "click": {"cli"},
    "rich": {"render/table.py"},
    "numpy": set(),
}

COMMANDS = {
    "json": (["summary", "resnet50", "--format", "json"], {"numpy", "rich"}),
    "csv": (["summary", "resnet50", "--format", "csv"], {"numpy", "rich"}),
    "markdown": (["summary", "resnet50", "--format", "markdown"], {"numpy", "rich"}),
    "table": (["summary", "resnet50"], {"numpy"}),
    "specs": (["specs"], {"numpy", "rich"}),
    "explain": (["explain", "Conv2d"], {"numpy", "rich"}),
    "help": (["--help"], {"numpy", "rich", "yaml"}),
}


def imports(path):
    """Dotted names that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted):
    parts = dotted.split(".")
    if len(parts) == 1:
        return None
    known = {p.stem for p in PACKAGE.glob("*.py")} | {p.parent.name for p in PACKAGE.glob("*/*.py")}
    return parts[1] if parts[1] in known else "__init__"


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_what_they_may(path):
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    allowed = ALLOWED[own]
    if allowed is None:
        return
    ours = {room(name) for name in imports(path) if name.split(".")[0] == "cnncalc"} - {None}
    assert ours <= allowed | {own}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_guarded_packages_stay_in_their_rooms(path):
    relative = path.relative_to(PACKAGE).as_posix()
    for name in imports(path):
        places = GUARDED.get(name.split(".")[0])
        assert places is None or any(relative.startswith(place) for place in places), name


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_load_only_what_they_need(name):
    arguments, forbidden = COMMANDS[name]
    code = (
        "import sys\n"
        "from cnncalc.cli import main\n"
        f"sys.argv = ['cnncalc', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        f"    loaded = {forbidden!r} & set(sys.modules)\n"
        "    print(f'code={end.code} loaded={sorted(loaded)}', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stderr.strip().endswith("code=0 loaded=[]")
