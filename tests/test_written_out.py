"""`for`, `if`, `repeat` and arguments mean exactly the written-out text, on random valid specs.

The expander here is independent of the one it tests: it knows nothing of shapes or scopes, and
turns a spec as data into a longer spec without loops, conditions and variables.
"""

import copy
import json
import re

from helpers import compute
from hypothesis import HealthCheck, given, settings, strategies as st

# ---- random valid specs


class Scope:
    """What an item may mention, how deep it may go, and whether there is a prev2."""

    def __init__(self, variables, tensors, depth):
        self.variables, self.tensors, self.depth = variables, tensors, depth
        self.two = False

    def inside(self):
        return Scope(self.variables, list(self.tensors), self.depth - 1)


class Writer:
    """Draws the parts of a spec; every name that it binds is new."""

    def __init__(self, draw):
        self.draw, self.names = draw, 0
        self.blocks, self.signatures = {}, {}

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def chance(self, percent):
        return self.draw(st.integers(0, 99)) < percent

    def fresh(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def number(self, scope):
        """A small positive integer: written, or an expression of the variables in scope."""
        if not scope.variables or self.chance(40):
            return self.draw(st.integers(1, 5))
        one = self.pick(*scope.variables)
        return self.pick(f"${one}", f"$({one} + 1)", f"$(2 * {one})", f"$(max({one}, 2))")

    def condition(self, scope):
        if not scope.variables or self.chance(20):
            return self.pick(True, False)
        return self.pick("$({} > 2)", "$({} % 2 == 1)").format(self.pick(*scope.variables))

    def reference(self, scope):
        return self.pick("prev", *scope.tensors, *(["prev2"] if scope.two else []))

    def conv(self, scope):
        arguments = {"out_channels": self.number(scope), "kernel_size": self.pick(1, 3)}
        if self.chance(30):
            arguments["bias"] = self.pick(True, False)
        return {"Conv2d": arguments | {"padding": "same"}}

    def items(self, scope, most=4):
        return [self.item(scope) for _ in range(self.draw(st.integers(1, most)))]

    def item(self, scope):
        kinds = [self.layer] * 4
        if scope.depth:
            kinds += [self.group, self.branches, self.call, self.residual, self.joined]
        item = self.pick(*kinds)(scope)
        plain = not self.modify(item, scope) if isinstance(item, dict) else True
        scope.two = plain and "layers" not in item
        return item

    def layer(self, scope):
        bare = self.pick("ReLU", "Sigmoid", {"BatchNorm2d": None}, {"Dropout": 0.5})
        item = self.conv(scope) if self.chance(50) else copy.deepcopy(bare)
        if isinstance(item, dict) and self.chance(20):
            item["from"] = self.reference(scope)
        return item

    def joined(self, scope):
        join = {"Concat": [self.reference(scope), self.reference(scope)]}
        return {"layers": [join, self.conv(scope)]}

    def residual(self, scope):
        same = {"out_channels": "$(channels(prev))", "kernel_size": 1}
        branches = {"main": ["ReLU", {"Conv2d": same}], "skip": None}
        return {"branches": branches, "merge": "Add", "from": self.reference(scope)}

    def branches(self, scope):
        bodies = {}
        for name in "abc"[: self.draw(st.integers(1, 3))]:
            written = self.items(scope.inside(), 2) if self.chance(60) else None
            bodies[name] = written or self.pick(None, "prev", "ReLU", *scope.tensors)
        item = {"branches": bodies, "merge": self.pick("Concat", {"Concat": {"dim": 1}})}
        if self.chance(20):
            item["from"] = self.reference(scope)
        return {"layers": [item, self.conv(scope)]}

    def group(self, scope):
        if self.chance(30):
            source = self.reference(scope)
            return {"layers": self.items(scope.inside()), "from": source}
        return {"layers": self.items(scope.inside())}

    def call(self, scope):
        """A call of a block, which may be written for the purpose."""
        if not self.blocks or self.chance(40):
            self.block(scope.depth - 1)
        name = self.pick(*self.blocks)
        required, optional, inputs = self.signatures[name]
        given = {one: self.number(scope) for one in required}
        given |= {one: self.number(scope) for one in optional if self.chance(50)}
        if self.chance(50):
            given["act"] = self.pick("Tanh", {"LeakyReLU": 0.2}, None)
        value = given or None
        if required and list(given) == required[:1]:
            value = given[required[0]]
        item = {name: value}
        if inputs:
            item["from"] = [self.reference(scope) for _ in inputs]
        elif self.chance(20):
            item["from"] = self.reference(scope)
        return item

    def block(self, depth):
        inputs = self.pick([], [], [self.fresh("x"), self.fresh("x")])
        required = [self.fresh("a") for _ in range(self.draw(st.integers(0, 2)))]
        optional = [self.fresh("o") for _ in range(self.draw(st.integers(0, 2)))]
        earlier = Scope((*self.file_variables, *required), [], 0)
        defaults = {one: self.number(earlier) for one in optional}
        local = self.fresh("v")
        derived = self.number(Scope((*required, *optional), [], 0))
        visible = (*self.file_variables, *required, *optional, local)
        scope = Scope(visible, inputs or ["input"], depth)
        body = [*self.items(scope), {"apply": "$act"}]
        name = self.fresh("Block")
        args = dict.fromkeys(required, "required") | defaults | {"act": "ReLU"}
        self.blocks[name] = {"args": args, "vars": {local: derived}, "layers": body}
        if inputs:
            self.blocks[name]["inputs"] = inputs
        self.signatures[name] = required, optional, inputs

    def modify(self, item, scope):
        """Put modifiers on an item; whether there may now be any number of it but one.

        The values of the item stay as they are: a loop's variable is used by wrapping a group.
        """
        sure = True
        if self.chance(15):
            item["if"] = self.condition(scope)
            sure = False
        if self.chance(15):
            item["repeat"] = self.pick(0, 1, 2, 3, self.number(scope))
            sure = False
        if self.chance(15):
            variable = self.fresh("i")
            self.use(item, variable)
            item["for"] = variable
            item["in"] = self.pick([1, 2], [3], [], "$(range(1, 4))", [self.number(scope), 2])
            sure = False
        if self.chance(10):
            item["trainable"] = self.pick(True, False)
        if self.chance(40):
            item["name"] = self.fresh("t")
            if sure:
                scope.tensors.append(item["name"])
        return not sure

    def use(self, item, variable):
        """Let some number of the item be the loop's variable."""
        if "Conv2d" in item:
            item["Conv2d"]["out_channels"] = self.pick(f"${variable}", f"$({variable} * 3)")
        elif isinstance(item.get("layers"), list) and self.chance(70):
            item["layers"].append({"Conv2d": {"out_channels": f"${variable}", "kernel_size": 1}})


@st.composite
def specs(draw):
    writer = Writer(draw)
    variables = {writer.fresh("f"): draw(st.integers(1, 4)) for _ in range(draw(st.integers(0, 2)))}
    writer.file_variables = tuple(variables)
    scope = Scope(tuple(variables), ["input"], 3)
    items = [writer.conv(scope), *writer.items(scope, 6)]
    spec = {"cnncalc": 1, "input": [3, 5, 4], "vars": variables, "layers": items}
    if writer.chance(30):
        spec["defaults"] = {"Conv2d": {"bias": False}}
    if writer.chance(40):
        source = writer.pick(*scope.tensors)
        spec["heads"] = {"aux": {"from": source, "layers": writer.items(Scope((), [], 1))}}
    return spec | {"blocks": writer.blocks}


# ---- the same, written out by hand


class Hand:
    """Writes a spec out: a block of its own for every call, no variable left."""

    def __init__(self, spec):
        self.old, self.blocks = spec["blocks"], {}
        self.variables = spec["vars"]

    def spec(self, spec):
        written = {key: spec[key] for key in ("cnncalc", "input", "defaults") if key in spec}
        written["layers"] = self.items(spec["layers"], self.variables)
        if "heads" in spec:
            aux = spec["heads"]["aux"]
            layers = self.items(aux["layers"], self.variables)
            written["heads"] = {"aux": {"from": aux["from"], "layers": layers}}
        return written | {"blocks": self.blocks}

    def items(self, items, env):
        return [copy for item in items for copy in self.copies(item, env)]

    def copies(self, item, env):
        """The item as often as its modifiers say; its name stays on the last."""
        if isinstance(item, str):
            return [self.one({item: None}, env)]
        rest = {k: v for k, v in item.items() if k not in ("for", "in", "if", "repeat", "name")}
        found = []
        for row in self.value(item["in"], env) if "for" in item else [None]:
            inside = env | {item["for"]: row} if "for" in item else env
            if self.value(item.get("if", True), inside):
                for _ in range(self.value(item.get("repeat", 1), inside)):
                    found.append(self.one(rest, inside))
        if found and "name" in item:
            found[-1]["name"] = item["name"]
        return found

    def one(self, item, env):
        written = dict(item)
        head = next(iter(item))
        if head == "layers":
            written["layers"] = self.items(item["layers"], env)
        elif head == "branches":
            written["branches"] = {k: self.branch(v, env) for k, v in item["branches"].items()}
        elif head in self.old:
            written = {self.block(head, item[head], env): None} | written
            del written[head]
        else:
            written[head] = self.value(item[head], env)
        return written

    def branch(self, body, env):
        if body is None or (isinstance(body, str) and body.islower()):
            return body
        return self.items(body if isinstance(body, list) else [body], env)

    def block(self, name, given, env):
        """The name of a new block with these arguments written into it."""
        block = self.old[name]
        if not isinstance(given, dict):
            given = {} if given is None else {next(iter(block["args"])): given}
        inside = dict(self.variables)
        for key, default in block["args"].items():
            inside[key] = (
                self.value(given[key], env) if key in given else self.value(default, inside)
            )
        for key, value in block["vars"].items():
            inside[key] = self.value(value, inside)
        new = f"{name}Copy{len(self.blocks)}"
        self.blocks[new] = None  # its place in the count
        layers = self.items(block["layers"], inside)
        self.blocks[new] = {"layers": layers}
        if "inputs" in block:
            self.blocks[new]["inputs"] = block["inputs"]
        return new

    def value(self, value, env):
        if isinstance(value, dict):
            return {key: self.value(one, env) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, env) for one in value]
        if not isinstance(value, str) or not value.startswith("$") or "channels" in value:
            return value
        name = re.fullmatch(r"\$(\w+)", value)
        return env[name.group(1)] if name else eval(value[1:], {}, env)


def network(report):
    """Types, shapes, costs and wiring; where things stand in the text is left out."""
    number = {index: n for n, row in enumerate(report.rows) for index in row.node.outputs}
    rows = [
        (
            row.node.type,
            row.out_shapes,
            row.cost,
            row.node.layer,
            [number.get(index, "input") for index in row.node.inputs],
        )
        for row in report.rows
    ]
    return rows, [output.shape for output in report.outputs]


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(specs())
def test_a_spec_is_its_written_out_text(spec):
    report = compute(json.dumps(spec))
    assert not report.problems
    by_hand = compute(json.dumps(Hand(spec).spec(spec)))
    assert not by_hand.problems
    assert network(by_hand) == network(report)
