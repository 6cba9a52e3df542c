"""What `import cnncalc` offers to Python: the network of a spec, its report, and running it."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc import source
from cnncalc.analysis.report import Report, Sizing
from cnncalc.engine.errors import EngineError as EngineError
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, analyse, expand, load as read, rebuilder, variants_of
from cnncalc.problem import Level, Problem, merged

if TYPE_CHECKING:  # these import NumPy, which only running a network needs
    from cnncalc.engine.gradients.results import GradientReport
    from cnncalc.engine.verify.results import Verification
    from cnncalc.engine.weights import Array, Arrays

Path = str | PathLike[str]


class SpecError(Exception):
    """A spec with errors; `problems` holds them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.span}: {first.message}{more}")
        self.problems = problems


def load(
    spec: Path,
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
) -> Graph:
    """The network of a spec: a path, or the name of a shipped network, as `cnncalc specs` has it.

    `inputs` are shapes by name (`{"input": (3, 256, 256)}`), `variables` replace `vars`. Raises
    SpecError for a spec with errors, `cnncalc.source.SourceError` for one that cannot be read, and
    KeyError for a variant that it does not have.
    """
    loaded = read(source.read(fspath(spec)))
    return _graph(loaded, _settings(loaded, inputs, variables, variant))


def summarize(
    spec: Path,
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
    sizing: Sizing | None = None,
) -> Report:
    """All numbers of a spec, with its problems; arguments and errors as `load`, but for SpecError.

    `sizing` says what sizes in bytes are for: `Sizing(batch=32, dtype="float16")`.
    """
    loaded = read(source.read(fspath(spec)))
    return analyse(loaded, _settings(loaded, inputs, variables, variant), sizing)


class Run(NamedTuple):
    """What running a network gives.

    `outputs` and `activations` by the path of the layer, `gradients` and `buffers` (running
    statistics, as training changes them) by the names of the weights, `input_gradients` by the
    names of the inputs. `loss` is None for a network without one, or without `backward`.
    """

    outputs: Arrays
    activations: Arrays
    loss: float | None
    gradients: Arrays
    input_gradients: Arrays
    buffers: Arrays


def initialise(network: Graph, *, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
    """Random weights of a network by name: He's for matrices, near 1 for scales, near 0 for biases.

    A name is the path of the layer and torch's name of the tensor, as `layers.0.weight`. The same
    seed gives the same bits.
    """
    from cnncalc.engine import weights

    return weights.initialise(network, seed, dtype)


def load_weights(network: Graph, path: Path, *, dtype: str | None = None) -> dict[str, Array]:
    """The weights in an `.npz` file; raises EngineError where they do not fit the network.

    Without `dtype` they come in float64 if one of them is, else in float32.
    """
    from cnncalc.engine import files

    return files.load_weights(network, path, dtype)


def save_weights(path: Path, weights: Arrays, *, force: bool = False) -> None:
    """Write arrays by name to an `.npz` file: it appears whole or not at all.

    Raises EngineError where it cannot be written, or exists and `force` is not set.
    """
    from cnncalc.engine import files

    files.save_weights(path, weights, force=force)


def run(
    network: Graph,
    weights: Arrays,
    inputs: Arrays,
    *,
    train: bool = False,
    backward: bool = False,
    targets: Arrays | None = None,
    upstream: Arrays | None = None,
    activations: bool = False,
    seed: int = 0,
    threads: int = 1,
) -> Run:
    """Run a network on `inputs` by name, (N, C, H, W), all arrays of one floating-point type.

    `train` switches batch norm, dropout and train-only heads to training. `backward` gives the
    gradients of all weights that are not frozen, and of the inputs: of the loss of the spec for
    `targets` by output path, or without a loss, of sum(output x `upstream`); both are random where
    they are not given. `activations` keeps the outputs of all layers. Raises EngineError for
    arrays that do not fit and for overflow.
    """
    from cnncalc.engine.activations import run_keeping
    from cnncalc.engine.run import run as execute

    options: dict[str, Any] = {
        "train": train,
        "backward": backward,
        "targets": targets,
        "upstream": upstream,
        "input_gradients": backward,
        "seed": seed,
        "threads": threads,
    }
    kept: Arrays = {}
    if activations:
        result, kept = run_keeping(network, weights, inputs, **options)
    else:
        result = execute(network, weights, inputs, **options)
    return Run(
        outputs=result.outputs,
        activations=kept,
        loss=result.loss,
        gradients={name: result.gradients[name] for name in weights if name in result.gradients},
        input_gradients=result.input_gradients,
        buffers=result.buffers,
    )


def verify(
    spec: Path,
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
    **options: Any,
) -> Verification:
    """Prove what `summarize` says of a spec by running it; arguments and errors as `load`.

    `options` are those of the command: `checks` (names), `batch`, `dtype`, `seed`, `threads`,
    `memory` (bytes).
    """
    from cnncalc.engine import budget
    from cnncalc.engine.verify.verify import verify as prove

    loaded = read(source.read(fspath(spec)))
    settings = _settings(loaded, inputs, variables, variant)
    options.setdefault("memory", budget.available())
    rebuild = rebuilder(loaded, settings)
    named = settings.variant.name.text if settings.variant else None
    return prove(_graph(loaded, settings), variant=named, rebuild=rebuild, **options)


def check_gradients(
    spec: Path,
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
    **options: Any,
) -> GradientReport:
    """Prove every backward rule that a spec uses; arguments and errors as `load`.

    `options` are those of the command: `layer` (a path), `seed`, `threads`, `memory` (bytes).
    """
    from cnncalc.engine import budget
    from cnncalc.engine.gradients.check import check_gradients as prove

    loaded = read(source.read(fspath(spec)))
    settings = _settings(loaded, inputs, variables, variant)
    options.setdefault("memory", budget.available())
    rebuild = rebuilder(loaded, settings)
    named = settings.variant.name.text if settings.variant else None
    return prove(_graph(loaded, settings), variant=named, rebuild=rebuild, **options)


def _graph(loaded: Loaded, settings: Settings) -> Graph:
    """The network; raises SpecError for one with errors."""
    built = expand(loaded, settings)
    errors = tuple(p for p in merged(built.problems) if p.level is Level.ERROR)
    if errors:
        raise SpecError(errors)
    return built.graph


def _settings(
    loaded: Loaded,
    inputs: Mapping[str, Shape] | None,
    variables: Mapping[str, Any] | None,
    variant: str | None,
) -> Settings:
    chosen = variants_of(loaded)[variant] if variant and loaded.spec else loaded.variant
    return Settings(inputs or {}, variables or {}, chosen)
