"""The contract of a layer type: one class holds all that the project knows about it.

Shapes leave the batch out: `(C, *spatial)` or `(features,)`. Counts are of one image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, dataclass_transform

from cnncalc.argument import REQUIRED, Argument, Kind, argument
from cnncalc.window import Window

if TYPE_CHECKING:
    from cnncalc.formula import Formula
    from cnncalc.kernels.mode import Array, Finish, Mode, Wants

Shape = tuple[int, ...]


class LayerError(Exception):
    """What is wrong with a layer or its input; the builder adds where.

    `argument` names the argument to point at, None points at the layer.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "CNN101",
        argument: str | None = None,
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.argument, self.help = message, code, argument, help


class Parameter(NamedTuple):
    """A tensor that belongs to a layer; a buffer is stored with the model but not trained."""

    shape: Shape
    buffer: bool = False


class Saved(NamedTuple):
    """A tensor that the forward pass keeps for the backward pass.

    `tensor` is "input" or "output" (`which` of several), or a name of the layer's own,
    with `elements`: for each image, or once for the whole batch where not `batched`. An element
    takes `element_bytes`; None means that of the data type. `for_weights` says that it is only
    needed for the gradient of the weights.
    """

    tensor: str
    which: int = 0
    elements: int = 0
    element_bytes: int | None = None
    batched: bool = True
    for_weights: bool = False


class BackwardMacs(NamedTuple):
    """MACs of the backward pass: for the gradient of the input, and for that of the weights."""

    input: int
    weight: int


class Example:
    """A layer as a spec writes it, with the shapes of its inputs: tested, and shown in the docs."""

    def __init__(self, text: str, *shapes: Shape) -> None:
        self.text, self.shapes = text, shapes


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(argument,))
class Layer:
    """Base of all layer types; a subclass's fields are the arguments that a spec may write."""

    rank: ClassVar[int] = 0
    """Spatial axes that the type works on; 0: any number."""
    primary: ClassVar[str | None] = None
    """The argument that a scalar sets, as in `Linear: 10`."""
    many: ClassVar[bool] = False
    """Whether the type takes several inputs."""
    view: ClassVar[bool] = False
    """Whether the output shares the memory of the input (in eval mode)."""
    declared: ClassVar[bool] = False
    """Whether its numbers are taken from the spec, so that nothing can prove them."""
    finishes: ClassVar[bool] = False
    """Whether `forward` applies `mode.finish`."""
    ignored: ClassVar[tuple[str, ...]] = ()
    """Arguments of torch that are accepted and have no effect on any number."""
    examples: ClassVar[list[Example]]
    arguments: ClassVar[dict[str, Argument]] = {}
    """What a spec may write, in order."""
    abstract: ClassVar[bool] = True

    __slots__ = ("__dict__", "_hash")  # the arguments make up `vars`, and are hashed once
    _hash: int

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        """Collect the arguments that the subclass declares, behind those that it inherits."""
        cls.abstract = abstract
        own = [(name, one) for name, one in vars(cls).items() if isinstance(one, Argument)]
        cls.arguments = cls.arguments | {name.removesuffix("_"): one for name, one in own}
        for name, _ in own:
            delattr(cls, name)

    def __init__(self, **values: Any) -> None:
        """Bring every argument to the form that the rules use; raises LayerError."""
        for name, (kind, default) in self.arguments.items():
            value = values.pop(name, default)
            if value is REQUIRED:
                raise LayerError(f"{type(self).__name__} needs '{name}'", code="CNN005")
            if value is not None or default is not None:
                value = self._converted(name, kind, value)
            vars(self)[attribute(name)] = value
        for name in values:
            raise LayerError(f"{type(self).__name__} has no argument '{name}'", code="CNN002")
        self.check_arguments()
        object.__setattr__(self, "_hash", hash((type(self), tuple(vars(self).values()))))

    def _converted(self, name: str, kind: Kind, value: Any) -> Any:
        try:
            return kind.convert(value, self.rank)
        except ValueError as error:
            expected = str(error) or kind.expected(self.rank)
            raise LayerError(
                f"{name} must be {expected}, not {quoted(value)}", code="CNN007", argument=name
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a layer does not change: {name} = {value}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value}" for key, value in written_arguments(self).items())
        return f"{type(self).__name__}({given})"

    def check_arguments(self) -> None:
        """Refuse arguments that contradict each other; raises LayerError."""

    def infer(self, *xs: Shape) -> Shape:
        """The shape of the output; raises LayerError where the inputs do not fit."""
        raise NotImplementedError

    def outputs(self, *xs: Shape) -> tuple[Shape, ...]:
        """The shapes of all outputs; only a type with several of them overrides this."""
        return (self.infer(*xs),)

    def assume(self, *xs: Shape) -> Shape | None:
        """The shape to go on with after `infer` failed, or None."""
        return None

    def shape_formulas(self, *xs: Shape) -> tuple[Formula | None, ...]:
        """How each size of the output comes out, before it is rounded; empty: nothing to tell."""
        return ()

    def count_formulas(self, *xs: Shape) -> dict[str, Formula]:
        """How `params`, `macs` and `flops` come out, as far as there is more to tell than 0."""
        return {}

    def params(self, *xs: Shape) -> dict[str, Parameter]:
        """Parameters and buffers by torch's names."""
        return {}

    def macs(self, *xs: Shape) -> int:
        """Multiplications with a weight that are accumulated."""
        return 0

    def backward_macs(self, *xs: Shape) -> BackwardMacs:
        """MACs of both gradients: for a linear map, each is as many as forward."""
        macs = self.macs(*xs)
        return BackwardMacs(macs, macs)

    def elementwise_flops(self, *xs: Shape) -> int:
        """Operations beside the MACs, a transcendental function counting as one."""
        raise NotImplementedError

    def flops(self, *xs: Shape) -> int:
        """Two for each MAC, and the elementwise operations."""
        return 2 * self.macs(*xs) + self.elementwise_flops(*xs)

    def saved(self, *xs: Shape) -> tuple[Saved, ...]:
        """What the forward pass keeps for the backward pass."""
        raise NotImplementedError

    def window(self, *xs: Shape) -> Window:
        """How one output cell looks at the input (of several inputs, at each of full size)."""
        raise NotImplementedError

    def windows(self, *xs: Shape) -> tuple[Window, ...]:
        """The window on each input; only a type that broadcasts some of them overrides this."""
        return (self.window(*xs),) * len(xs)

    def forward(self, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> tuple[Any, Any]:
        """The output for inputs (N, *shape), and what `backward` needs of it.

        `weights` holds the arrays of `params`. A type with several outputs gives a tuple of them.
        What is kept is what `saved` declares, and None where `mode.save` is off. Works on real and
        on complex numbers, where gates are those of the real part (for complex-step derivatives).
        """
        raise NotImplementedError

    def backward(
        self, weights: Mapping[str, Array], dy: Any, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Any, dict[str, Array]]:
        """The gradients of the input and of the weights, for the gradient `dy` of the output.

        A type with several inputs gives a tuple of gradients, one with several outputs takes a
        tuple. `saved` is what `forward` gave, of the same mode. A gradient that is not wanted may
        be None, or left out. `dy` may be written to where `mode.overwrite` says so.
        """
        raise NotImplementedError

    @property
    def fusible(self) -> bool:
        """Whether `finish` can stand for `forward` in eval mode."""
        return False

    def finish(self, weights: Mapping[str, Array], others: Sequence[Array]) -> Finish:
        """What does the same as `forward` in eval mode, to the bit, piece by piece and in place.

        `others` are the inputs beside the one that is overwritten, which has the output's shape.
        """
        raise NotImplementedError

    def updates(self, weights: Mapping[str, Array], saved: Any) -> dict[str, Array]:
        """The buffers after the training pass that saved this."""
        return {}

    def initial(self, name: str, shape: Shape, generator: Any) -> Array:
        """Random values of a parameter or buffer, in float64: He for weights, so that values stay.

        Factors of one axis lie around 1, biases around 0. Source: He et al. 2015, Delving deep
        into rectifiers.
        """
        if len(shape) > 1:
            return generator.normal(0.0, (2.0 / prod(shape[1:])) ** 0.5, shape)
        if name in ("bias", "running_mean"):
            return generator.normal(0.0, 0.1, shape)
        return generator.uniform(0.5, 1.5, shape)


def attribute(name: str) -> str:
    """The field that holds an argument: `params_` for Opaque's `params`, which is a rule's name."""
    return f"{name}_" if hasattr(Layer, name) else name


def required(layer_type: type[Layer]) -> tuple[str, ...]:
    """The arguments that must be written."""
    return tuple(name for name, one in layer_type.arguments.items() if one.default is REQUIRED)


def written_arguments(layer: Layer) -> dict[str, Any]:
    """The arguments that differ from their defaults, in the form that the rules use."""
    found = {}
    for name, (kind, default) in layer.arguments.items():
        value = getattr(layer, attribute(name))
        usual = default if default in (None, REQUIRED) else kind.convert(default, layer.rank)
        if value != usual:
            found[name] = value
    return found


def quoted(value: Any) -> str:
    """A value as a message shows it, in the words of YAML."""
    words = {True: "true", False: "false", None: "null"}
    if isinstance(value, bool) or value is None:
        return f"'{words[value]}'"
    text = str(list(value)) if isinstance(value, tuple) else str(value)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def same(written: int | None, actual: int, argument: str) -> None:
    """Check a written `in_channels` or its kin against the input; raises LayerError."""
    if written is not None and written != actual:
        raise LayerError(
            f"{argument} is written as {written}, but the input has {actual}",
            argument=argument,
            help=f"leave {argument} out: it follows from the input",
        )


def saves(name: str, elements: int, *, element_bytes: int | None = None) -> Saved:
    """A tensor of the layer's own that the backward pass needs, such as a mask."""
    return Saved(name, elements=elements, element_bytes=element_bytes)


SAVES_INPUT = (Saved("input"),)
SAVES_OUTPUT = (Saved("output"),)
SAVES_INPUT_FOR_WEIGHTS = (Saved("input", for_weights=True),)
SAVES_NOTHING: tuple[Saved, ...] = ()
