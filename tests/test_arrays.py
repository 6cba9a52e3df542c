"""`.npz` files: what is read and written, and every kind of file that is refused."""

import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnncalc.engine.arrays import ArrayFile, match, read, read_classes
from cnncalc.engine.errors import EngineError
from cnncalc.engine.files import save, save_weights
from cnncalc.engine.new_file import NewFile

ARRAYS = {
    "layers.3[0].0.Bottleneck.0.main.0.ConvBN.0.weight": np.arange(24.0).reshape(2, 3, 4),
    "file": np.float32([1.5]),
    "empty": np.zeros((0, 3), np.float32),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def store(path, **arrays):
    np.savez(path, **arrays)
    return path


def refusal(call, *arguments, **options):
    """The message and the help of what is refused."""
    with pytest.raises(EngineError) as caught:
        call(*arguments, **options)
    return caught.value.message, caught.value.help or ""


def zipped(path, **members):
    """A zip file of these bytes."""
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return path


def npy(array):
    into = io.BytesIO()
    np.lib.format.write_array(into, array)
    return into.getvalue()


def header(text, version=1):
    """The start of an .npy file with this header, and no data."""
    data = text.encode("latin1")
    size = struct.pack("<H" if version == 1 else "<I", len(data))
    return b"\x93NUMPY" + bytes([version, 0]) + size + data


# ---- writing


def test_numpy_reads_what_is_written_and_the_other_way_round():
    save_weights("w.npz", ARRAYS)
    with np.load("w.npz", allow_pickle=False) as found:
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    for writer in (np.savez, np.savez_compressed):
        writer("n.npz", a=ARRAYS["empty"], b=ARRAYS["file"])
        with ArrayFile("n.npz") as file:
            assert {n: h.shape for n, h in file.headers.items()} == {"a": (0, 3), "b": (1,)}
            np.testing.assert_array_equal(file.read("b"), ARRAYS["file"])


def test_the_same_arrays_give_the_same_bytes():
    save_weights("a.npz", ARRAYS)
    save_weights("b.npz", ARRAYS)
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


def test_a_file_that_exists_is_replaced_only_on_request():
    Path("w.npz").write_text("mine")
    message, help = refusal(save_weights, "w.npz", ARRAYS)
    assert message == "'w.npz' exists"
    assert "--force" in help
    assert Path("w.npz").read_text() == "mine"
    save_weights("w.npz", ARRAYS, force=True)
    assert zipfile.is_zipfile("w.npz")
    assert listing() == ["w.npz"]


def test_new_files_have_the_usual_permissions():
    Path("plain").touch()
    save_weights("w.npz", ARRAYS)
    assert stat.S_IMODE(Path("w.npz").stat().st_mode) == stat.S_IMODE(Path("plain").stat().st_mode)


def test_a_link_leads_to_the_new_file():
    Path("sub").mkdir()
    Path("sub/w.npz").write_text("old")
    Path("link.npz").symlink_to("sub/w.npz")
    save_weights("link.npz", ARRAYS, force=True)
    assert Path("link.npz").is_symlink()
    assert zipfile.is_zipfile("sub/w.npz")
    assert listing("sub") == ["w.npz"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "'.' is not a file that could be replaced"),
        ("/dev/null", "'/dev/null' is not a file that could be replaced"),
        ("no/such/w.npz", "cannot write 'no/such/w.npz': no such file or directory"),
        ("plain/w.npz", "cannot write 'plain/w.npz': not a directory"),
        ("x" * 300, "file name too long"),
        ("a\0b", "null byte"),
    ],
)
def test_what_cannot_be_written(path, message):
    Path("plain").touch()
    assert message in refusal(save_weights, path, ARRAYS, force=True)[0]
    assert listing() == ["plain"]


class Full(dict):
    """Arrays of which the last one cannot be had."""

    def items(self):
        yield from super().items()
        raise OSError(28, "No space left on device")


def test_nothing_is_left_of_what_could_not_be_finished():
    Path("w.npz").write_text("mine")
    message, _ = refusal(save_weights, "w.npz", Full(ARRAYS), force=True)
    assert message == "cannot write 'w.npz': no space left on device"
    assert listing() == ["w.npz"]
    assert Path("w.npz").read_text() == "mine"


def test_of_several_files_all_are_written_or_none():
    files = {NewFile("a.npz"): ARRAYS, NewFile("b.npz"): Full(ARRAYS)}
    refusal(save, files)
    assert listing() == []


def test_objects_are_not_pickled():
    with pytest.raises(ValueError, match="allow_pickle"):
        save_weights("w.npz", {"a": np.array([{}], object)})
    assert listing() == []


# ---- reading


@pytest.mark.parametrize(
    ("data", "message", "help"),
    [
        (b"", "'x.npz' is empty", ""),
        (b"hello", "'x.npz' is not an .npz file", "np.savez"),
        (npy(np.ones(3)), "'x.npz' is a single array (.npy), not an .npz file", "np.savez("),
        (b"PK\x03\x04" + bytes(50), "x.npz is damaged: file is not a zip file", ""),
    ],
)
def test_files_that_are_no_npz(data, message, help):
    Path("x.npz").write_bytes(data)
    found = refusal(ArrayFile, "x.npz")
    assert found[0] == message
    assert help in found[1]


def test_what_cannot_be_opened():
    Path("sub").mkdir()
    assert refusal(ArrayFile, "x.npz")[0] == "cannot open 'x.npz': no such file or directory"
    assert "is a directory" in refusal(ArrayFile, "sub")[0]
    assert "null byte" in refusal(ArrayFile, "a\0b")[0]


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless():
    """Whatever is damaged: an EngineError, or the very arrays that were stored."""
    np.savez_compressed("good.npz", input=np.arange(40.0))
    data = Path("good.npz").read_bytes()
    damaged = [data[:n] for n in range(0, len(data), 7)]
    damaged += [data[:n] + bytes([data[n] ^ 0x55]) + data[n + 1 :] for n in range(len(data))]
    refused = 0
    for one in damaged:
        Path("x.npz").write_bytes(one)
        try:
            with ArrayFile("x.npz") as file:
                found = {name: file.read(name) for name in file.headers}
        except EngineError:
            refused += 1
            continue
        for array in found.values():
            np.testing.assert_array_equal(array, np.arange(40.0))
    assert refused > len(damaged) / 2


class Explosive:
    """Unpickling this writes a file."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_pickled_objects_are_never_unpickled():
    store("x.npz", input=np.array([Explosive(), None], object))
    message, help = refusal(ArrayFile, "x.npz")
    assert message == "'input' in x.npz holds pickled Python objects, which are never unpickled"
    assert "numbers" in help
    assert not Path("exploded").exists()


def test_a_header_that_claims_too_much_is_refused_before_memory_is_taken():
    """1 TiB in the header, nothing behind it; then 256 MiB of zeros in 256 KiB of file."""
    lie = header("{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }\n")
    zipped("x.npz", input__npy=lie)
    assert "x.npz is damaged: 'input' has 79 bytes" in refusal(ArrayFile, "x.npz")[0]
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("input.npy", npy(np.zeros((64, 1024, 1024), np.float32)))
    tracemalloc.start()
    with ArrayFile("bomb.npz") as file:
        message, _ = refusal(match, "input", file, {"input": (2, 3)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message == "bomb.npz: the input of a wrong shape: input is [64, 1024, 1024], not [2, 3]"
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x93NUM",
        b"no numpy file at all",
        header("{'descr': '<f4'}"),
        header("{'descr': '<q9', 'fortran_order': False, 'shape': (1,), }"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': 'x', }"),
        header("(" * 5000),
        header("__import__('os').mkdir('exploded')"),
        header("{" + " " * 20_000 + "}", 2),
        header("{" + " " * (1 << 20) + "}", 2),
        header("{}", 9),
    ],
    ids=range(12),
)
def test_headers_that_make_no_sense(start):
    zipped("x.npz", input__npy=start + bytes(4))
    assert "x.npz is damaged" in refusal(ArrayFile, "x.npz")[0]
    assert not Path("exploded").exists()


def test_zip_files_that_hold_something_else():
    zipped("x.npz", input__npy=npy(np.ones(3)), readme__txt=b"hello")
    assert refusal(ArrayFile, "x.npz")[0] == "x.npz holds 'readme.txt', which is no array"
    with zipfile.ZipFile("y.npz", "w") as file:
        file.writestr("a.npy", npy(np.ones(3)))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", npy(np.ones(3)))
    assert refusal(ArrayFile, "y.npz")[0] == "y.npz holds 'a' twice"


# ---- what a network needs


def names(what="weight", **shapes):
    with ArrayFile("x.npz") as file:
        return match(what, file, shapes)


def test_names_that_are_missing_or_too_many():
    store("x.npz", wieght=np.ones(2), bias=np.ones(2))
    assert names(wieght=(2,), bias=None) == {"wieght": "wieght", "bias": "bias"}
    message, help = refusal(names, weight=(2,), bias=(2,))
    assert message == (
        "x.npz lacks the weight: weight, and holds an array that the network has no use for: wieght"
    )
    assert help == "'wieght' may be 'weight'"
    assert refusal(names, bias=(2,))[0] == (
        "x.npz holds an array that the network has no use for: wieght"
    )


def test_of_many_names_five_are_shown():
    store("x.npz", **{f"old{i}": np.ones(1) for i in range(30)})
    message, help = refusal(names, **{f"layers.{i}.gamma": (1,) for i in range(12)})
    assert message == (
        "x.npz lacks 12 weights: layers.0.gamma, layers.1.gamma, layers.2.gamma, layers.3.gamma, "
        "layers.4.gamma and 7 more, and holds 30 arrays that the network has no use for: "
        "old0, old1, old2, old3, old4 and 25 more"
    )
    assert help.startswith("the network has layers.0.gamma, ")
    assert help.endswith(" and 7 more")


def test_wrong_shapes_are_named():
    store("x.npz", **{f"w{i}": np.ones((2, i)) for i in range(7)})
    message, _ = refusal(names, **{f"w{i}": (3, i) for i in range(7)})
    assert message == (
        "x.npz: 7 weights of a wrong shape: w0 is [2, 0], not [3, 0], w1 is [2, 1], not [3, 1], "
        "w2 is [2, 2], not [3, 2], w3 is [2, 3], not [3, 3], w4 is [2, 4], not [3, 4] and 2 more"
    )


def test_arrays_without_names_are_taken_in_order():
    np.savez("x.npz", np.ones(2), np.ones(3))
    assert names(b=(2,), a=(3,)) == {"b": "arr_0", "a": "arr_1"}
    assert "lacks" in refusal(names, b=(2,))[0]
    assert names(arr_1=(3,), arr_0=(2,)) == {"arr_0": "arr_0", "arr_1": "arr_1"}


def numbers(dtype="float32", reader=read, **arrays):
    store("x.npz", **arrays)
    with ArrayFile("x.npz") as file:
        options = () if reader is read_classes else (dtype,)
        return reader(file, {name: name for name in arrays}, *options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stored", ["<f2", "<f4", ">f4", "<f8", ">f8"])
def test_floating_point_of_all_sizes_and_byte_orders(stored, dtype):
    values = np.array([[1.5, -2.0], [0.25, 3.0]])
    for order in "CF":
        found = numbers(dtype, x=np.array(values, stored, order=order))["x"]
        assert (found.dtype, found.flags.c_contiguous) == (np.dtype(dtype), True)
        assert found.dtype.isnative
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(2, int), "'x' in x.npz holds int64, not float16, float32 or float64"),
        (np.ones(2, bool), "'x' in x.npz holds bool, not"),
        (np.ones(2, complex), "'x' in x.npz holds complex128, not"),
        (np.array(["a"]), "'x' in x.npz holds <U1, not"),
        (np.zeros(2, "V2"), "'x' in x.npz holds |V2, not"),
        (np.array([[1, 2], [np.nan, np.nan]]), "'x' in x.npz holds nan at [1, 0] (and 1 more)"),
        (np.array([1, -np.inf]), "'x' in x.npz holds -inf at [1]"),
        (np.array([1, 1e39]), "'x' in x.npz holds 1e+39 at [1], which is too large for float32"),
    ],
)
def test_arrays_that_are_no_finite_floating_point_numbers(array, message):
    assert refusal(numbers, x=array)[0].startswith(message)


def test_numbers_of_classes():
    found = numbers(reader=read_classes, t=np.array([3, 1], np.uint8))["t"]
    assert (found.dtype, found.tolist()) == (np.dtype("int64"), [3, 1])
    message, help = refusal(numbers, reader=read_classes, t=np.ones(2))
    assert message == "'t' in x.npz holds float64; the loss takes the numbers of classes"
    assert help == "give integers, from 0"
