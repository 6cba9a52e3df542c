"""Memory, against simulations that work out from scratch what lives at each step, and by hand."""

from functools import cache

import pytest
from helpers import compute, good, loaded, spec
from hypothesis import given, settings, strategies as st

from cnncalc import source
from cnncalc.analysis import order
from cnncalc.analysis.report import Sizing
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load

FLOAT32 = 4


def sized(text, **sizing):
    """The report of a spec for a batch, data type, optimizer, memory."""
    report = analyse(loaded(text), Settings(), Sizing(**sizing))
    assert not report.problems, report.problems
    return report


# ---- networks with tensors of chosen sizes: all maps are 1 x 1, so that channels are elements


class Net:
    """A spec, and what an oracle needs of it: tensors by name with their sizes, steps, aliases."""

    def __init__(self, inputs, outputs=None):
        self.sizes = dict(inputs)
        self.owner = {name: name for name in inputs}  # of a view: the tensor that it looks at
        self.inputs, self.outputs = list(inputs), outputs
        self.steps = []  # (tensors read, tensor made)
        self.items = []

    def conv(self, name, source, size):
        self.items.append(
            f"- {{Conv2d: {{out_channels: {size}, kernel_size: 1}}, from: {source}, name: {name}}}"
        )
        self._step(name, [source], size)

    def concat(self, name, sources):
        self.items.append(f"- {{Concat: [{', '.join(sources)}], name: {name}}}")
        self._step(name, sources, sum(self.sizes[one] for one in sources))

    def view(self, name, source, layer="Identity"):
        self.items.append(f"- {{{layer}: null, from: {source}, name: {name}}}")
        self.owner[name] = self.owner[source]
        self.sizes[name] = self.sizes[source]

    def _step(self, name, sources, size):
        self.sizes[name], self.owner[name] = size, name
        self.steps.append(({self.owner[one] for one in sources}, name))

    @property
    def kept(self):
        return {self.owner[name] for name in self.outputs or list(self.owner)[-1:]}

    @property
    def text(self):
        inputs = ", ".join(f"{name}: [{self.sizes[name]}, 1, 1]" for name in self.inputs)
        outputs = f"outputs: [{', '.join(self.outputs)}]\n" if self.outputs else ""
        items = "\n".join(f"  {item}" for item in self.items)
        return f"cnncalc: 1\ninputs: {{{inputs}}}\n{outputs}layers:\n{items}\n"

    def alive(self, done, step):
        """Elements that exist while a step runs, after the steps in `done`."""
        reads, made = self.steps[step]
        exists = set(self.inputs) | {self.steps[one][1] for one in done}
        waiting = [r for one, (r, _) in enumerate(self.steps) if one not in done]
        wanted = set().union(*waiting) | self.kept
        return sum(self.sizes[one] for one in (exists & wanted) | {made} | reads)

    def declared_peak(self):
        return max(self.alive(set(range(step)), step) for step in range(len(self.steps)))

    def best_peak(self):
        """The least peak over all orders, every one of them tried."""
        makers = {made: step for step, (_, made) in enumerate(self.steps)}

        @cache
        def least(done):
            if len(done) == len(self.steps):
                return 0
            ready = [
                step
                for step, (reads, _) in enumerate(self.steps)
                if step not in done and all(makers.get(one, step) in {step, *done} for one in reads)
            ]
            return min(max(self.alive(done, one), least(done | {one})) for one in ready)

        return least(frozenset())


@st.composite
def nets(draw, most):
    """Networks of up to `most` steps with views, unread tensors, several inputs and outputs."""
    size = st.integers(1, 9)
    net = Net({name: draw(size) for name in ["a", "b"][: draw(st.integers(1, 2))]})
    for number in range(draw(st.integers(1, most))):
        name, names = f"t{number}", sorted(net.owner)
        kind = draw(st.sampled_from(["conv", "conv", "conv", "concat", "view"]))
        if kind == "conv":
            net.conv(name, draw(st.sampled_from(names)), draw(size))
        elif kind == "view":
            net.view(name, draw(st.sampled_from(names)))
        elif len(names) > 1:
            net.concat(name, draw(st.lists(st.sampled_from(names), min_size=2, max_size=3)))
    if not net.steps:
        net.conv("last", sorted(net.owner)[-1], draw(size))
    some = st.lists(st.sampled_from(sorted(net.owner)), min_size=1, max_size=3, unique=True)
    net.outputs = draw(st.none() | some)
    return net


def peaks(net):
    totals = sized(net.text).totals
    best = totals.peak_inference_bytes_best_order
    return totals.peak_inference_bytes / FLOAT32, None if best is None else best / FLOAT32


@given(nets(most=12))
@settings(deadline=None, max_examples=300)
def test_peak_of_the_declared_order(net):
    assert peaks(net)[0] == net.declared_peak()


@given(nets(most=9))
@settings(deadline=None, max_examples=500)
def test_peak_of_the_best_order(net):
    assert peaks(net)[1] == net.best_peak()


def test_an_order_that_is_better_than_the_declared_one():
    """Two branches that grow and shrink again: one after the other, not side by side."""
    net = Net({"x": 1})
    net.conv("grown1", "x", 50)
    net.conv("grown2", "x", 50)
    net.conv("small1", "grown1", 2)
    net.conv("small2", "grown2", 2)
    net.concat("both", ["small1", "small2"])
    assert peaks(net) == (50 + 50 + 2, 2 + 50 + 2)
    assert peaks(net) == (net.declared_peak(), net.best_peak())


def test_a_result_that_nobody_reads_may_wait():
    """`unread` is cheaper after `big` is gone, behind the place where one tensor carries on."""
    net = Net({"x": 1})
    net.conv("big", "x", 100)
    net.conv("small", "x", 1)
    net.conv("unread", "small", 50)
    net.concat("both", ["big", "small"])
    net.conv("slim", "both", 1)
    net.conv("end", "slim", 2)
    assert peaks(net) == (net.declared_peak(), net.best_peak())


@pytest.mark.parametrize("steps", [8, 9, 20])
def test_the_search_gives_up_rather_than_guess(monkeypatch, steps):
    net = Net({"x": 1})
    for number in range(4):
        net.conv(f"grown{number}", "x", 50)
    for number in range(4):
        net.conv(f"small{number}", f"grown{number}", 2)
    net.concat("all", [f"small{number}" for number in range(4)])
    assert peaks(net) == (net.declared_peak(), net.best_peak())
    monkeypatch.setattr(order, "MAX_STEPS", steps)
    assert peaks(net) == (net.declared_peak(), None)


@pytest.mark.parametrize("name", source.bundled())
def test_the_best_order_of_bundled_specs_is_found(name):
    totals = analyse(load(source.read_bundled(name))).totals
    assert totals.peak_inference_bytes_best_order is not None
    assert totals.peak_inference_bytes_best_order <= totals.peak_inference_bytes


# ---- inference, by hand


def peak_of(items, **options):
    return good(items, **options).totals.peak_inference_bytes / FLOAT32


def test_a_chain_holds_two_neighbours():
    items = """
    - Conv2d: {out_channels: 10, kernel_size: 1}
    - Conv2d: {out_channels: 4, kernel_size: 1}
    - Conv2d: {out_channels: 7, kernel_size: 1}
    """
    assert peak_of(items, input="[3, 2, 2]") == 4 * (10 + 4)


def test_a_residual_holds_its_shortcut():
    items = """
    - Conv2d: {out_channels: 5, kernel_size: 1}
    - branches:
        main: [{Conv2d: {out_channels: 5, kernel_size: 1}}, ReLU]
        skip:
      merge: Add
    """
    assert peak_of(items, input="[1, 2, 2]") == 4 * 5 * 3  # shortcut, input and output of ReLU


VIEWS = {
    "Identity": "- Identity",
    "Dropout": "- Dropout: 0.5",
    "Dropout2d": "- Dropout2d: 0.5",
    "Permute": "- Permute: {dims: [0, 2, 3, 1]}",
    "Flatten": "- Flatten",
    "Unflatten": "- Unflatten: {dim: 1, unflattened_size: [2, 3]}",
    "CenterCrop": "- CenterCrop: 1",
    "Chunk": "- {Chunk: 2, name: [left, right]}\n- {Identity: null, from: left}",
    "Split": "- {Split: 2, name: [left, middle, right]}\n- {Identity: null, from: right}",
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_owns_nothing_and_keeps_its_base(view):
    """The base, 6 x 2 x 2, lives on while the output of ReLU, 1 x 2 x 2 in all, is made."""
    items = [
        "- {Conv2d: {out_channels: 6, kernel_size: 1}, name: base}",
        *VIEWS[view].split("\n"),
        "- {Identity: null, name: seen}",
        "- {Conv2d: {out_channels: 1, kernel_size: 1}, from: input}",
        "- {Conv2d: {out_channels: 30, kernel_size: 1}}",
    ]
    report = good("\n".join(items), input="[3, 2, 2]", head="outputs: [prev, seen]")
    assert report.totals.peak_inference_bytes == FLOAT32 * 4 * (6 + 1 + 30)


def test_a_crop_keeps_all_that_it_was_cut_from():
    items = """
    - Conv2d: {out_channels: 2, kernel_size: 1}
    - CenterCrop: 2
    """
    assert peak_of(items, input="[1, 10, 10]") == 100 * (1 + 2)


def test_several_outputs_stay():
    items = """
    - {Conv2d: {out_channels: 8, kernel_size: 1}, name: early}
    - Conv2d: {out_channels: 1, kernel_size: 1}
    - Conv2d: {out_channels: 2, kernel_size: 1}
    """
    assert peak_of(items, input="[3, 1, 1]") == 3 + 8
    assert peak_of(items, input="[3, 1, 1]", head="outputs: [early, prev]") == 3 + 8
    early = peak_of(items, input="[1, 1, 1]", head="outputs: [early, prev]")
    assert early == 8 + 1 + 2


def test_an_input_that_is_an_output_stays():
    items = """
    - Conv2d: {out_channels: 1, kernel_size: 1}
    - Conv2d: {out_channels: 2, kernel_size: 1}
    """
    assert peak_of(items, input="[9, 1, 1]", head="outputs: [input, prev]") == 9 + 1 + 2


HEAD = """
cnncalc: 1
input: [1, 1, 1]
layers:
  - {{Conv2d: {{out_channels: 20, kernel_size: 1}}, name: trunk}}
  - Conv2d: {{out_channels: 3, kernel_size: 1}}
heads:
  aux:
    from: trunk
    train_only: {train_only}
    layers: [{{Conv2d: {{out_channels: 50, kernel_size: 1}}}}]
"""


def test_heads_of_training_are_left_out_of_inference():
    assert compute(HEAD.format(train_only="true")).totals.peak_inference_bytes == 4 * (20 + 3)
    assert compute(HEAD.format(train_only="false")).totals.peak_inference_bytes == 4 * (20 + 3 + 50)


def test_all_inputs_are_there_from_the_start():
    net = Net({"a": 5, "b": 70})
    net.conv("c", "a", 6)
    net.conv("d", "c", 7)
    net.concat("e", ["d", "b"])
    assert peaks(net)[0] == 7 + 70 + 77
    assert peaks(net)[0] == net.declared_peak()


# ---- training, by hand; images of 1 x 4 x 4 (16 elements)


IMAGE = 16
CONV = "- Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}"
CONV_PARAMS = 2 * 1 * 9 + 2


def training(items, *, head="", **sizing):
    return sized(spec(items, input="[1, 4, 4]", head=head), **sizing).totals.training_bytes


def test_one_convolution():
    """It saves its input; the gradient of its output is all that flows."""
    assert training(CONV) == FLOAT32 * (CONV_PARAMS + CONV_PARAMS + IMAGE + 2 * IMAGE)


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 0), ("momentum", 1), ("adam", 2)])
def test_an_optimizer_keeps_copies_of_the_trainable_parameters(optimizer, copies):
    more = training(CONV, optimizer=optimizer) - training(CONV)
    assert more == FLOAT32 * copies * CONV_PARAMS


def test_a_tensor_is_saved_once():
    """The output of ReLU is the input of the next convolution; the first one's own is not kept."""
    params = CONV_PARAMS + (3 * 2 * 9 + 3)
    saved = IMAGE + 2 * IMAGE
    gradients = 3 * IMAGE + 2 * IMAGE  # of the last output and of its input
    items = CONV + "\n- ReLU\n- Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}"
    assert training(items) == FLOAT32 * (2 * params + saved + gradients)


def test_what_a_relu_saves_is_its_output():
    """A sigmoid at the end changes nothing: it saves its own output as well."""
    relu = training(CONV + "\n- ReLU")
    assert relu == FLOAT32 * (2 * CONV_PARAMS + IMAGE + 2 * IMAGE + 2 * (2 * IMAGE))
    assert training(CONV + "\n- Sigmoid") == relu


def test_argmax_is_8_bytes_and_a_mask_is_1():
    """Max pooling saves 2 x 2 x 2 places, dropout 2 x 4 x 4 booleans."""
    conv = 2 * CONV_PARAMS + IMAGE
    pooled = FLOAT32 * (conv + 2 * IMAGE + 8) + 8 * 8
    assert training(CONV + "\n- MaxPool2d: 2") == pooled
    dropped = FLOAT32 * (conv + 2 * IMAGE + 2 * IMAGE) + 32
    assert training(CONV + "\n- Dropout: 0.5") == dropped
    assert training(CONV + "\n- Dropout2d: 0.5") == dropped - 32 + 2


@pytest.mark.parametrize("batch", [1, 5])
def test_places_and_masks_are_of_each_image(batch):
    each = FLOAT32 * (IMAGE + 2 * IMAGE + 8) + 8 * 8 + 8  # the gradients are at most these
    fixed = FLOAT32 * 2 * CONV_PARAMS
    assert training(CONV + "\n- MaxPool2d: 2\n- Dropout: 0.5", batch=batch) == fixed + batch * each


def test_batch_norm_keeps_its_input_and_statistics_once_a_batch():
    def expected(batch):
        params, buffers = CONV_PARAMS + 4, 4
        each = IMAGE + 2 * IMAGE + 2 * (2 * IMAGE)  # two inputs saved, two gradients
        return FLOAT32 * (2 * params + buffers + 2 * 2 + batch * each)

    items = CONV + "\n- BatchNorm2d"
    for batch in (1, 2, 32):
        assert training(items, batch=batch) == expected(batch)


def test_statistics_of_a_norm_of_each_image_grow_with_the_batch():
    def expected(batch):
        each = IMAGE + 2 * IMAGE + 2 * 1 + 2 * (2 * IMAGE)
        return FLOAT32 * (2 * (CONV_PARAMS + 4) + batch * each)

    for batch in (1, 3):
        assert training(CONV + "\n- GroupNorm: 1", batch=batch) == expected(batch)


def test_frozen_layers_have_no_gradients_and_save_nothing_below_the_first_trainable_one():
    """The frozen stem needs neither; the second convolution saves its input, behind a ReLU."""
    stem = "- {Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}, trainable: false}\n- ReLU\n"
    last = 3 * 2 * 9 + 3
    saved, gradients = 2 * IMAGE, 3 * IMAGE
    items = stem + "- Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}"
    assert training(items, optimizer="adam") == FLOAT32 * (
        CONV_PARAMS + last + 3 * last + saved + gradients
    )


def test_a_frozen_layer_above_a_trainable_one_passes_the_gradient_on():
    """It keeps no input, for its weights get no gradient; a frozen batch norm keeps its own."""
    frozen = "- {Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}, trainable: false}"
    params = CONV_PARAMS + (3 * 2 * 9 + 3)
    gradients = 3 * IMAGE + 2 * IMAGE
    assert training(f"{CONV}\n{frozen}") == FLOAT32 * (params + CONV_PARAMS + IMAGE + gradients)
    norm = "- {BatchNorm2d: null, trainable: false}"
    assert training(f"{CONV}\n{norm}") == FLOAT32 * (
        CONV_PARAMS + 8 + CONV_PARAMS + IMAGE + 2 * IMAGE + 4 + 2 * (2 * IMAGE)
    )


def test_a_network_without_trainable_weights_saves_nothing():
    items = (
        "- {Conv2d: {out_channels: 2, kernel_size: 3}, trainable: false}\n- ReLU\n- MaxPool2d: 2"
    )
    assert training(items) == FLOAT32 * CONV_PARAMS


def test_a_branch_that_leads_nowhere_is_not_trained():
    nowhere = "- {Conv2d: {out_channels: 9, kernel_size: 1}, from: kept, name: nowhere}"
    named = CONV[:2] + "{" + CONV[2:] + ", name: kept}"
    items = f"{named}\n{nowhere}\n- {{ReLU: null, from: kept}}"
    alone = training(f"{named}\n- {{ReLU: null, from: kept}}")
    params = 9 * 2 + 9
    assert training(items) == alone + FLOAT32 * 2 * params


def test_a_branch_that_leads_nowhere_keeps_no_gradient_alive():
    """It reads `kept` last: the gradient of that tensor still comes to be after the widest one."""
    items = f"""
    - {CONV[2:]}
    - {{Identity: null, name: kept}}
    - Conv2d: {{out_channels: 30, kernel_size: 1}}
    - {{Conv2d: {{out_channels: 1, kernel_size: 1}}, name: end}}
    """
    nowhere = "- {ReLU: null, from: kept}"
    alone = training(items)
    assert training(f"{items}{nowhere}", head="outputs: [end]") == alone


def test_a_residual_keeps_two_gradients_beside_the_one_that_arrives():
    """Add saves nothing; the gradients of its output, of the branch and of the shortcut meet."""
    items = CONV + "\n- branches: {main: [ReLU], skip: null}\n  merge: Add"
    saved = IMAGE + 2 * IMAGE
    assert training(items) == FLOAT32 * (2 * CONV_PARAMS + saved + 3 * (2 * IMAGE))


def test_a_product_keeps_its_factors():
    items = CONV + "\n- branches: {main: [Tanh], skip: null}\n  merge: Mul"
    saved = IMAGE + 2 * IMAGE + 2 * IMAGE  # the image, and both factors, of which one is Tanh's
    assert training(items) == FLOAT32 * (2 * CONV_PARAMS + saved + 3 * (2 * IMAGE))


def test_views_share_gradient_and_memory_in_training():
    flat = CONV + "\n- Flatten\n- Linear: 5"
    params = CONV_PARAMS + 5 * 32 + 5
    assert training(flat) == FLOAT32 * (2 * params + IMAGE + 2 * IMAGE + (5 + 2 * IMAGE))


def test_dropout_writes_its_output_in_training():
    """The linear layer saves what dropout wrote; the convolution's output is not kept."""
    items = CONV + "\n- Flatten\n- Dropout: 0.5\n- Linear: 5"
    params = CONV_PARAMS + 5 * 32 + 5
    fixed = FLOAT32 * (2 * params + IMAGE + 32)
    assert training(items) == fixed + 32 + FLOAT32 * (32 + 32)


def test_heads_are_trained():
    with_head, without = (
        sized(HEAD.format(train_only=value)).totals.training_bytes for value in ("true", "false")
    )
    trunk, end, aux = 2 * 20, 20 * 3 + 3, 20 * 50 + 50
    gradients = 3 + 50 + 20
    assert with_head == FLOAT32 * (2 * (trunk + end + aux) + (1 + 20) + gradients)
    assert with_head == without


def test_a_loss_keeps_its_own():
    items = CONV + "\n- Flatten"
    for loss, elements in (("CrossEntropyLoss", 32), ("MSELoss", 32)):
        assert training(items, head=f"loss: {loss}") == training(items) + FLOAT32 * elements
    relu = items + "\n- ReLU"  # saves the output, which the loss would keep
    assert training(relu, head="loss: MSELoss") == training(relu)


# ---- batch, data type, largest batch


ANY = spec(
    """
    - Conv2d: {out_channels: 5, kernel_size: 3}
    - BatchNorm2d
    - ReLU
    - MaxPool2d: 2
    - Flatten
    - Dropout: 0.1
    - Linear: 3
    """,
    input="[1, 7, 9]",
)
PEAK = 2 * 5 * 5 * 7  # batch norm's input and output
STORED = (5 * 9 + 5) + 2 * 5 + 2 * 5 + 3 * (5 * 2 * 3) + 3


@pytest.mark.parametrize(
    ("dtype", "bits"),
    {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16, "int8": 8, "int4": 4}.items(),
)
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_sizes_scale_with_batch_and_type(dtype, bits, batch):
    totals = sized(ANY, dtype=dtype, batch=batch).totals
    assert totals.peak_inference_bytes == batch * PEAK * bits / 8
    assert totals.param_bytes == -(-STORED * bits // 8)
    assert (totals.training_bytes is None) == dtype.startswith("int")


def test_binary_elements_are_packed_to_bytes():
    totals = sized(ANY, dtype="binary").totals
    assert (totals.peak_inference_bytes, PEAK) == (44, 350)
    assert (totals.param_bytes, STORED) == (21, 163)
    assert totals.training_bytes is None


def test_masks_and_places_do_not_shrink_with_the_type():
    items = CONV + "\n- MaxPool2d: 2\n- Dropout: 0.5"
    single, half = training(items), training(items, dtype="float16")
    fixed = 8 * 8 + 8
    assert half - fixed == (single - fixed) / 2


@given(
    memory=st.integers(0, 60_000),
    dtype=st.sampled_from(["float32", "float16", "int8", "int4", "binary"]),
    optimizer=st.sampled_from(["sgd", "momentum", "adam"]),
)
@settings(deadline=None, max_examples=150)
def test_the_largest_batch_fits_and_one_more_does_not(memory, dtype, optimizer):
    def needs(batch):
        totals = sized(ANY, batch=batch, dtype=dtype, optimizer=optimizer).totals
        return totals.param_bytes + totals.peak_inference_bytes, totals.training_bytes

    found = sized(ANY, dtype=dtype, optimizer=optimizer, memory=memory).totals.largest_batch
    assert found.memory == memory
    for which, largest in enumerate((found.inference, found.training)):
        if largest is None:
            assert needs(1)[which] is None
            continue
        assert largest == 0 or needs(largest)[which] <= memory
        assert needs(largest + 1)[which] > memory


def test_what_exists_in_training_only_cannot_be_read_at_inference():
    """No peak is known of such a network, and nothing breaks."""
    text = HEAD.format(train_only="true") + "  two: {from: aux, layers: [ReLU]}\n"
    assert compute(text).totals.peak_inference_bytes is None


def test_unknown_sizes_are_unknown():
    totals = compute(spec("- Conv2d: {out_channels: 2, kernel_size: 99}\n- ReLU")).totals
    assert totals.peak_inference_bytes is None
    assert totals.peak_inference_bytes_best_order is None
    assert totals.training_bytes is None
