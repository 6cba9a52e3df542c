"""Names and evaluated arguments -> layers, and the variables of a block call.

A near miss in a name is reported and then read as what was probably meant, marked as repaired, so
that one mistake gives one message and the network can be computed past it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc import layers
from cnncalc.language.document import parse, plain
from cnncalc.language.evaluate import Argument, Arguments, Evaluator, hint
from cnncalc.language.expression import UNKNOWN
from cnncalc.language.keras import argument_help, argument_twin, type_help, type_twin
from cnncalc.layer import Layer, LayerError, required
from cnncalc.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.language.document import Scalar
    from cnncalc.language.scope import Context
    from cnncalc.language.spec import Block, Spec
    from cnncalc.problem import Problem


class Made(NamedTuple):
    """A layer, or the problem for which there is none; `repaired` says that a name was guessed."""

    type: str
    layer: Layer | None = None
    problem: Problem | None = None
    repaired: bool = False


class _Wanted:
    """A type with arguments; equal if they are written alike, for 1, 1.0 and True are not one."""

    def __init__(self, layer_type: type[Layer], values: dict[str, Any]) -> None:
        self.type, self.values = layer_type, values
        self._key = layer_type.__name__, repr(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wanted) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=10_000)
def _made(wanted: _Wanted) -> Layer:
    """The layer that is wanted; one that was made before is taken again. Raises LayerError."""
    return wanted.type(**wanted.values)


class Instantiator:
    """Makes the layers of one spec; `stray` are defaults of types that do not exist."""

    def __init__(self, spec: Spec, evaluator: Evaluator) -> None:
        self.spec, self.evaluator = spec, evaluator
        self.report = evaluator.report
        self._defaults: dict[str, dict[str, Argument]] = {}
        self._bare: dict[type[Layer], Made] = {}  # without any arguments
        stray = [entry[1] for name, entry in spec.defaults.items() if layers.find(name) is None]
        self.stray = {key.text for mapping in stray for key, _ in mapping.entries}

    def layer(self, name: Scalar, given: Arguments, inputs: int, context: Context) -> Made:
        """The layer that was written, with the file's defaults, for that many inputs."""
        layer_type = layers.find(name.text)
        if given.problem:
            return Made(name.text, problem=given.problem)
        if layer_type is None:
            return self.unknown_type(name, given, inputs, context)
        if name.text in layers.FAMILIES["loss"]:
            message = f"{name.text} is a loss: it stands under 'loss:', not among layers"
            return Made(name.text, problem=self.report("CNN002", message, name.span, context))
        if inputs == 0 or (inputs > 1 and not layer_type.many):
            wanted = "at least one input" if layer_type.many else "one input"
            message = f"{name.text} takes {wanted}, not {inputs}"
            return Made(name.text, problem=self.report("CNN005", message, name.span, context))
        if given != Arguments():
            return self.construct(layer_type, name, given, context)
        if layer_type not in self._bare:
            made = self.construct(layer_type, name, given, context)
            if made.problem:
                return made
            self._bare[layer_type] = made
        return self._bare[layer_type]

    def loss(self, name: Scalar, given: Arguments, context: Context) -> Layer | None:
        """The layer under `loss:`."""
        layer_type = layers.find(name.text)
        losses = layers.FAMILIES["loss"]
        if layer_type is None or name.text not in losses:
            ending = "Loss" if name.text.endswith("Loss") else ""  # which makes all names alike
            known = {one.removesuffix(ending): one for one in losses}
            near = known.get(nearest(name.text.removesuffix(ending), known) or "")
            help = f"did you mean '{near}'?" if near else "losses: " + ", ".join(losses)
            message = f"cnncalc has no loss '{name.text}'"
            self.report("CNN002", message, name.span, context, help)
            return None
        return self.construct(layer_type, name, given, context).layer

    def unknown_type(self, name: Scalar, given: Arguments, inputs: int, context: Context) -> Made:
        """Report a name that is neither a layer type nor a block; go on with a near miss."""
        known = (*layers.names(), *self.spec.blocks)
        twin = type_twin(name.text)
        near = twin or nearest(name.text, known)
        help = type_help(name.text) or did_you_mean(name.text, known)
        message = f"no layer type or block is called '{name.text}'"
        problem = self.report(
            "CNN002", message, name.span, context, help or "'cnncalc explain' lists the layer types"
        )
        layer_type = layers.find(near) if near else None
        if near is None or layer_type is None or (inputs != 1 and not layer_type.many):
            return Made(name.text, problem=problem)
        sure = self if twin else Instantiator(self.spec, Evaluator())  # a guess is not worth more
        made = sure.construct(layer_type, name, given, context)
        return Made(name.text, made.layer, problem, repaired=True)

    def construct(
        self, layer_type: type[Layer], name: Scalar, given: Arguments, context: Context
    ) -> Made:
        """The layer with its arguments checked; the first problem is the node's own."""
        type_name = layer_type.__name__
        written, problem = self.keywords(layer_type, given, context)
        if given.primary is not None:
            if layer_type.primary is None:
                problem = self.no_primary(layer_type, given, context)
                return Made(type_name, problem=problem)
            written[layer_type.primary] = given.primary
        merged = self.defaults(type_name, context) | written
        lacking = [key for key in required(layer_type) if key not in merged]
        if lacking and problem is None and not self.stray.issuperset(lacking):
            message = f"{type_name} needs {' and '.join(repr(key) for key in lacking)}"
            example = layer_type.examples[0].text
            problem = self.report("CNN005", message, name.span, context, f"such as {example}")
        if lacking or any(argument.value is UNKNOWN for argument in merged.values()):
            return Made(type_name, problem=problem)
        try:
            values = {key: argument.value for key, argument in merged.items()}
            layer = _made(_Wanted(layer_type, values))
        except LayerError as error:
            place = merged.get(error.argument or "")
            span = place.span if place else name.span
            help = error.help or (hint(place.value, context) if place else None)
            problem = self.report(error.code, error.message, span, context, help)
            return Made(type_name, problem=problem)
        return Made(type_name, layer, problem, repaired=problem is not None)

    def no_primary(self, layer_type: type[Layer], given: Arguments, context: Context) -> Problem:
        """Report a single value where arguments must be named."""
        assert given.primary is not None
        type_name = layer_type.__name__
        return self.report(
            "CNN005",
            f"{type_name} takes its arguments by name, not a single value",
            given.primary.span,
            context,
            f"such as {layer_type.examples[0].text}",
        )

    def keywords(
        self, layer_type: type[Layer], given: Arguments, context: Context
    ) -> tuple[dict[str, Argument], Problem | None]:
        """The written arguments by their right names; what is not known is guessed or left out."""
        allowed = layer_type.arguments
        written: dict[str, Argument] = {}
        problem = None
        for key, argument in given.keywords.items():
            if key in allowed:
                written[key] = argument
            elif key not in layer_type.ignored:
                owner = layer_type.__name__
                problem = self.unknown_argument(owner, key, argument, allowed, context)
                near = argument_twin(key, allowed) or nearest(key, allowed)
                if near and near not in given.keywords:
                    written[near] = argument
        return written, problem

    def unknown_argument(
        self, owner: str, key: str, argument: Argument, allowed: Iterable[str], context: Context
    ) -> Problem:
        """Report an argument that a layer or block does not have."""
        known = tuple(allowed)
        help = argument_help(key, known) or did_you_mean(key, known)
        listed = "arguments: " + ", ".join(known) if known else f"{owner} takes no arguments"
        message = f"{owner} has no argument '{key}'"
        return self.report("CNN002", message, argument.key, context, help or listed)

    def defaults(self, type_name: str, context: Context) -> dict[str, Argument]:
        """The file's defaults for a layer type; they see the file's variables only."""
        if type_name not in self._defaults:
            found: dict[str, Argument] = {}
            entry = self.spec.defaults.get(type_name)
            if entry is not None:
                given = self.evaluator.arguments(entry[1], context.at_top(), type_name)
                layer_type = layers.find(type_name)
                assert layer_type is not None
                found = self.keywords(layer_type, given, context.at_top())[0]
            self._defaults[type_name] = found
        return self._defaults[type_name]

    def fill(
        self, block: Block, name: Scalar, given: Arguments, caller: Context, inside: Context
    ) -> None:
        """Put the arguments and then the `vars` of a block call into the context of its items."""
        written, guessed = self.block_arguments(block, name, given, caller)
        lacking = []
        for key, default in block.args:
            if key.text in written:
                value, span, _ = written[key.text]
                inside.bind(key.text, value, f"argument of {block.name.text}", span, caller)
            elif getattr(default, "value", None) != "required":
                value, what = self.evaluator.value(default, inside), f"default of {block.name.text}"
                inside.bind(key.text, value, what, default.span, inside)
            else:
                inside.names[key.text] = UNKNOWN
                lacking.append(key)
        if lacking and not guessed:
            self.lacking(lacking, name, caller)
        for key, node in block.vars:
            value, what = self.evaluator.value(node, inside), f"variable of {block.name.text}"
            inside.bind(key.text, value, what, node.span, inside)

    def block_arguments(
        self, block: Block, name: Scalar, given: Arguments, caller: Context
    ) -> tuple[dict[str, Argument], bool]:
        """The written arguments by their right names, and whether any had to be guessed."""
        known = [key.text for key, _ in block.args]
        written = {key: one for key, one in given.keywords.items() if key in known}
        if given.primary is not None and known:
            written[known[0]] = given.primary
        elif given.primary is not None:
            message = f"block {name.text} takes no arguments"
            self.report("CNN002", message, given.primary.span, caller)
        strange = {key: one for key, one in given.keywords.items() if key not in known}
        for key, one in strange.items():
            self.unknown_argument(f"block {name.text}", key, one, known, caller)
            near = nearest(key, known)
            if near and near not in written:
                written[near] = one
        return written, bool(strange or given.problem)

    def lacking(self, keys: list[Scalar], name: Scalar, caller: Context) -> None:
        """Report block arguments that have no default and were not given."""
        names = " and ".join(f"'{key.text}'" for key in keys)
        help = f"declared on line {keys[0].span.line} as required"
        self.report("CNN005", f"block {name.text} needs {names}", name.span, caller, help)


def from_text(text: str) -> Layer:
    """The layer that `Type`, `Type: value` or `Type: {argument: value}` stands for.

    Raises LayerError where the text is not one, or an argument is wrong.
    """
    root = parse(text.encode(), "layer").root
    written = plain(root) if root else None
    name, given = next(iter(written.items())) if isinstance(written, dict) else (written, None)
    layer_type = layers.find(str(name))
    if layer_type is None:
        raise LayerError(f"no layer type is called '{name}'", code="CNN002")
    if given is None or isinstance(given, list):  # a list holds inputs
        given = {}
    elif not isinstance(given, dict):
        given = {str(layer_type.primary): given}
    return layer_type(**{k: v for k, v in given.items() if k not in layer_type.ignored})
