"""Names of tensors: what a reference means at one place, and what an item's name is bound to."""

from __future__ import annotations

from collections.abc import Sized

from cnncalc.language.document import Scalar
from cnncalc.language.evaluate import Evaluator
from cnncalc.language.scope import BROKEN, Context, Missing, Tensor
from cnncalc.language.spec import Item, Spec
from cnncalc.problem import Span
from cnncalc.suggest import did_you_mean


class References:
    """Resolves and binds the tensor names of one spec; reports what cannot be.

    `value_names` is the first name that each value was bound to.
    """

    def __init__(self, spec: Spec, evaluator: Evaluator) -> None:
        self.spec, self.report = spec, evaluator.report
        self.value_names: dict[int, str] = {}
        self.first_bound: dict[str, Scalar] = {}
        for bound in spec.bound_names():
            self.first_bound.setdefault(bound.text, bound)

    def resolve(self, reference: Scalar, context: Context) -> Tensor:
        """The tensor that a reference means; what it cannot mean is reported."""
        if reference.value is None:
            return BROKEN  # it could not be read
        found = context.find(reference.text)
        if found is not None:
            return self.usable(found, reference.span, context)
        name = reference.text
        help = did_you_mean(name, context.tensors())
        reason = self.elsewhere(name, reference)
        self.report(
            "CNN104", f"no tensor is called '{name}' here{reason}", reference.span, context, help
        )
        return BROKEN

    def elsewhere(self, name: str, reference: Scalar) -> str:
        """Why a name that is bound somewhere is not visible."""
        bound = self.first_bound.get(name)
        if bound is None:
            return ""
        later = (bound.span.line, bound.span.column) > reference.span[1:3]
        why = "is bound later" if later else "belongs to another scope"
        return f": the one on line {bound.span.line} {why}"

    def usable(self, tensor: Tensor, span: Span, context: Context) -> Tensor:
        """The tensor; one that is missing is reported where it is needed."""
        if isinstance(tensor, Missing) and tensor.reason is not None:
            self.report("CNN104", tensor.reason, span, context, tensor.help)
            return BROKEN
        return tensor

    def bind_all(self, item: Item, outputs: list[Tensor], context: Context) -> None:
        """Bind an item's names to its outputs, which must be as many."""
        if len(outputs) == 1 and context.is_unknown(outputs[0]):
            outputs = outputs * len(item.names)
        if len(item.names) != len(outputs):
            message = f"{_counted(item.names, 'name')} for {_counted(outputs, 'output')}"
            listed = ", ".join("abcdefghijklmnopqrstuvwxyz"[: len(outputs)])
            help = f"write as many: name: [{listed}]" if len(outputs) > 1 else "write one name"
            self.report("CNN005", message, item.names[0].span, context, help)
            outputs = [BROKEN] * len(item.names)
        for name, tensor in zip(item.names, outputs, strict=True):
            self.bind(name, tensor, context)

    def bind(self, name: Scalar, tensor: Tensor, context: Context) -> None:
        """Bind one name here; a branch cannot change a name outside it."""
        if context.bound.hides(name.text):
            message = f"'{name.text}' is already bound outside this branch"
            self.report("CNN104", message, name.span, context, "give it another name")
            return
        context.bound.absent.pop(name.text, None)
        context.bound.bound[name.text] = tensor
        if isinstance(tensor, int):
            self.value_names.setdefault(tensor, name.text)


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
