"""What the linter reports beside its rules: mistakes that loading, shapes and promises find.

Each page reads like the docstring of a rule.
"""

from __future__ import annotations

PAGES = {
    "CNN001": """\
Text that is not YAML.

Why it matters: nothing of the file can be read.

What to do: the message says what was met and where. Frequent causes are a tab as indentation, a
comma inside `$(...)` without quotes, and a modifier under a layer without a colon.

Source: YAML 1.2.2; docs/grammar.md.""",
    "CNN002": """\
A key, layer type, argument, block or modifier that does not exist.

Why it matters: a misspelt argument would leave its default in place without a word.

What to do: take the name that the message suggests; `cnncalc explain TYPE` lists the arguments of
a layer type.

Source: docs/grammar.md; the names are those of torch.nn.""",
    "CNN003": """\
The same key twice in one mapping.

Why it matters: YAML readers keep the last one without a word, so that half of what is written has
no effect.

What to do: keep one of them.

Source: YAML 1.2.2, section 3.2.1.3: keys are unique.""",
    "CNN004": """\
An expression that cannot be evaluated, or whose result does not fit.

Why it matters: a size that is no integer, or a variable that does not exist, has no meaning.

What to do: the message has the expression and its value; `int`, `round`, `floor` and `//` give
integers.

Source: docs/grammar.md, expressions.""",
    "CNN005": """\
Something required that is not there: a key, an argument, an input.

Why it matters: there is no default that would be right for everyone.

What to do: write it; the message names it, and shows an example where the form is not plain.

Source: docs/grammar.md; the signatures of torch.nn.""",
    "CNN006": """\
YAML that means several things to its readers, or that hides what is meant.

Why it matters: `yes`, `010` and dates are read differently by YAML 1.1 and 1.2; anchors, tags and
second documents have no place in a spec.

What to do: write the value as the message shows it.

Source: YAML 1.2.2, section 10.3, the core schema; docs/grammar.md.""",
    "CNN007": """\
A value of the wrong kind, or beyond its range.

Why it matters: a number in place of a list, or text in place of a number, is a slip whose meaning
cannot be guessed.

What to do: the message says what would be accepted.

Source: docs/grammar.md; the signatures of torch.nn.""",
    "CNN008": """\
A limit of the language.

Why it matters: a spec of a few lines could otherwise take all time and memory.

What to do: the message names the limit; networks that people have published stay far below them.

Source: docs/grammar.md, limits.""",
    "CNN101": """\
Shapes that do not fit: inputs of a merge, a layer on an input of another rank.

Why it matters: the network cannot be run. The cause often stands before the place: a stride or a
padding on one of the paths.

What to do: compare the two shapes in the message, and what leads to each.

Source: the shape rules of torch.nn; docs/layers.md.""",
    "CNN102": """\
A window that is larger than its padded input, or that leaves no output.

Why it matters: there is no position at which the kernel would fit.

What to do: use a smaller kernel, less stride before it, more padding, or a larger input.

Source: the shape rules of torch.nn; Dumoulin and Visin 2016, A guide to convolution arithmetic.""",
    "CNN103": """\
Channels that are not divisible by the number of groups.

Why it matters: each group needs as many channels as every other.

What to do: choose a divisor of both numbers of channels; the message has them.

Source: torch.nn.Conv2d and torch.nn.GroupNorm.""",
    "CNN104": """\
A reference to a tensor that does not exist there.

Why it matters: without it an input is missing. Names are visible after the item that binds them,
and only in the scope in which they are bound.

What to do: name the tensor with `name:`, or use `prev`, `prev2` or `input`.

Source: docs/grammar.md, references.""",
    "CNN210": """\
Padding `same` with a stride.

Why it matters: what `same` should mean there differs: torch refuses it, and TensorFlow pads one
side more than the other, depending on the size of the input.

What to do: write the padding of each side, as in `padding: [[0, 1], [0, 1]]`.

Source: torch.nn.Conv2d; tf.nn, notes on padding.""",
    "CNN701": """\
A computed number that is not the one in `expect`.

Why it matters: the network is not the one that the spec promises: a change had an effect that
nobody meant, or the promise is stale.

What to do: find the change, or correct the number; the message has both. `cnncalc expect --write`
corrects all numbers of a file.

Source: docs/grammar.md, expect.""",
    "CNN702": """\
A computed number beyond its `budget`.

Why it matters: the network takes more than it may, or gives less than it should.

What to do: `cnncalc summary SPEC --sort macs --top 10` shows the most expensive layers.

Source: docs/grammar.md, budget.""",
    "CNN901": """\
A comment that ignores a finding which is not there.

Why it matters: the reason that it gives is stale, and it would hide the next finding of its kind.

What to do: delete the comment; `cnncalc lint --fix` does.

Source: docs/lint.md, suppression.""",
    "CNN902": """\
A comment or a `lint:` block that ignores a rule which does not exist.

Why it matters: it has no effect, so that what it was meant to hide, or to turn on, is not.

What to do: take the code or the name that the message suggests; `cnncalc rules --all` lists them.

Source: docs/lint.md, suppression.""",
}
"""By code; the names stand in `problem.NAMES`."""

FIXABLE = frozenset({"CNN701", "CNN901"})
"""Those that `lint` can mend, the first only with --unsafe-fixes."""

WARNINGS = frozenset({"CNN901", "CNN902"})
"""Those that are no errors."""
