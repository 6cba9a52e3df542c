"""Who may import whom, and what a command may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc

PACKAGE = Path(cnncalc.__file__).parent
VALUES = {"problem", "suggest", "quantity"}
CONTRACT = {"layer", "argument", "window", "formula"}
YAML = {"document", "nodes", "decoding", "scalars", "syntax"}
EXPRESSION = {"expression", "expression_syntax", "arithmetic", "functions"}
WRITTEN = {"spec", "forms", "corrections", "items", "reader", "keras", "scalars"}

# room -> the rooms of ours that it may import; a room that is not listed fails the test
ALLOWED = {
    "__init__": {"api", "engine"},  # the engine for the types of its results only
    "api": {"analysis", "builder", "engine", "graph", "layer", "pipeline", "problem", "source"},
    "__main__": {"cli"},
    "problem": set(),
    "suggest": set(),
    "window": set(),
    "argument": set(),
    "quantity": set(),
    "lazy_numpy": set(),
    "kernels": {"lazy_numpy"},
    "formula": set(),
    "layer": {"argument", "formula", "window", "kernels"},
    "layers": CONTRACT | {"kernels", "lazy_numpy"},
    "engine": {"analysis", "graph", "kernels", "layer", "layers", "problem", "window"}
    | {"quantity", "suggest"},
    "graph": {"layer", "problem"},
    "language": set(),
    **dict.fromkeys(YAML, YAML | {"problem"}),
    **dict.fromkeys(EXPRESSION, EXPRESSION | {"suggest"}),
    **dict.fromkeys(WRITTEN, WRITTEN | {"document", "layers", "problem", "suggest"}),
    "scope": {"expression", "graph", "layer", "problem"},
    "evaluate": {
        "argument",
        "document",
        "expression",
        "forms",
        "graph",
        "layer",
        "layers",
        "problem",
        "scalars",
        "scope",
    },
    "references": {"document", "evaluate", "problem", "scope", "spec", "suggest"},
    "instantiate": {"layers", "layer", "problem", "suggest", "graph"}
    | {"document", "evaluate", "expression", "keras", "scope", "spec"},
    "assembler": {
        "spec",
        "document",
        "evaluate",
        "graph",
        "instantiate",
        "layer",
        "problem",
        "scope",
    },
    "expander": {"argument", "graph", "assembler", "document", "evaluate", "expression"}
    | {"instantiate", "layer", "references", "scope", "spec"},
    "builder": {"argument", "graph", "layer", "problem", "suggest"}
    | {"assembler", "document", "evaluate", "expander", "expression", "references"}
    | {"scope", "spec"},
    "source": {"suggest"},
    "git": {"source"},
    "catalogue": {"analysis", "builder", "graph", "layer", "pipeline", "source"},
    "pipeline": {"analysis", "graph", "layer", "problem", "source"}
    | {"builder", "document", "expect", "reader", "spec"},
    "expect": {"analysis", "document", "layer", "problem", "promised", "quantity", "suggest"},
    "promised": {"analysis", "document", "problem", "quantity"},
    "analysis": {"graph", "layer", "window", "problem", "quantity"},
    "render": {
        "analysis",
        "argument",
        "catalogue",
        "engine",
        "quantity",
        "graph",
        "layer",
        "layers",
        "problem",
        "instantiate",
        "__init__",
        "answers",
        "formula",
        "lint",
    },
    "answers": CONTRACT
    | {"analysis", "builder", "expression", "graph", "layers", "lint", "pipeline", "scope"}
    | {"document", "items", "problem", "source", "spec"},
    "lint": {
        "analysis",
        "builder",
        "decoding",
        "document",
        "expression",
        "forms",
        "graph",
        "layer",
        "layers",
        "pipeline",
        "problem",
        "promised",
    }
    | {"language", "source", "spec", "suggest", "window"},
    "schema": {"analysis", "argument", "layer", "layers", "lint", "quantity", "render"}
    | {"corrections", "expect", "forms", "reader"},
    "cli": None,  # the command line may import everything
}

# foreign packages that only some rooms may import
GUARDED = {
    "yaml": {"language/document.py"},
    "click": {"cli"},
    "rich": {"render/table.py"},
    "numpy": {"engine/", "lazy_numpy.py"},
    "threadpoolctl": {"engine/"},
    "PIL": {"render/png.py"},
}

COMMANDS = {
    "json": (["summary", "resnet50", "--format", "json"], {"numpy", "rich"}),
    "csv": (["summary", "resnet50", "--format", "csv"], {"numpy", "rich"}),
    "markdown": (["summary", "resnet50", "--format", "markdown"], {"numpy", "rich"}),
    "table": (["summary", "resnet50"], {"numpy"}),
    "lint": (["lint", "resnet50"], {"numpy", "rich", "cnncalc.engine"}),
    "compare": (["compare", "lenet5", "resnet50"], {"numpy", "rich"}),
    "conventions": (["compare", "--conventions", "lenet5"], {"numpy", "rich"}),
    "diff": (["diff", "lenet5", "resnet50"], {"numpy", "rich"}),
    "diff json": (["diff", "lenet5", "resnet50", "--format", "json"], {"numpy", "rich"}),
    "diff markdown": (["diff", "lenet5", "lenet5", "--format", "markdown"], {"numpy", "rich"}),
    "specs": (["specs"], {"numpy", "rich"}),
    "specs json": (["specs", "--format", "json"], {"numpy", "rich"}),
    "explain": (["explain", "Conv2d"], {"numpy", "rich"}),
    "convert": (["convert", "lenet5", "--fully-convolutional"], {"numpy", "rich"}),
    "explain spec": (["explain", "resnet50"], {"numpy", "rich"}),
    "sizes": (["sizes", "lenet5", "--symbolic"], {"numpy", "rich"}),
    "sizes json": (["sizes", "lenet5", "--format", "json"], {"numpy", "rich"}),
    "layer": (["layer", "AvgPool2d", "3", "--input", "3x9x9"], {"numpy", "rich"}),
    "expect": (["expect", "resnet50"], {"numpy", "rich", "cnncalc.engine"}),
    "schema": (["schema"], {"numpy", "rich", "cnncalc.engine"}),
    "help": (["--help"], {"numpy", "rich", "yaml"}),
    "fields": (["receptive-field", "lenet5"], {"numpy", "rich", "PIL"}),
    "fields json": (["receptive-field", "lenet5", "--format", "json"], {"numpy", "rich", "PIL"}),
    "effective": (["receptive-field", "lenet5", "--effective", "--samples", "1"], {"rich", "PIL"}),
    "gradients": (["check-gradients", "lenet_gluon"], {"rich"}),
    "gradients help": (["check-gradients", "--help"], {"numpy", "rich"}),
    "verify": (["verify", "lenet_gluon"], {"rich"}),
    "verify help": (["verify", "--help"], {"numpy", "rich"}),
    "run help": (["run", "--help"], {"numpy", "rich"}),
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
    """The room of a name under cnncalc; a package is one room, but for the language's files."""
    parts = dotted.split(".")[1:]
    if parts[:1] == ["language"]:
        parts = parts[1:]
    return next((part for part in parts[:1] if part in ALLOWED), "__init__" if parts else None)


def own_room(path):
    return room(".".join(("cnncalc", *path.relative_to(PACKAGE).with_suffix("").parts)))


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_what_they_may(path):
    own = own_room(path)
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


def test_the_python_api_loads_numpy_only_to_run_a_network():
    code = (
        "import sys, cnncalc\n"
        "cnncalc.load('lenet5'), cnncalc.summarize('lenet5'), cnncalc.run, cnncalc.EngineError\n"
        "assert not {'numpy', 'rich', 'click'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
