"""The bytes of a file -> its text: UTF-8 of a sane size, without what no editor shows."""

from __future__ import annotations

import re

from cnncalc.problem import Problem, Span

MAXIMUM_BYTES = 2**20

# What YAML calls printable, without the line ends that editors do not count (U+0085, U+2028...).
# A string, as compiling it takes 3 ms, which a spec in plain ASCII need not pay for.
_UNPRINTABLE = "[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_LAYOUT = {ord(character): None for character in "\t\n\r"}
LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line, as spans count them."""


def decode(data: bytes, file: str) -> tuple[str, Problem | None]:
    """The text of the bytes, without a byte-order mark, and what is wrong with it."""
    if len(data) > MAXIMUM_BYTES:
        message = f"the file is larger than 1 MiB ({MAXIMUM_BYTES:,} bytes), which is the limit"
        return "", _first(file, "CNN008", message)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", _first(file, "CNN001", "the file is UTF-16, not UTF-8", "save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        span = _end_of(before, file)
        problem = Problem("CNN001", message, span, "save the file as UTF-8")
        return data.decode(errors="replace"), problem
    found = None if _is_plain(text) else re.search(_UNPRINTABLE, text)
    if found is None:
        return text, None
    message = f"the character U+{ord(found.group()):04X} is not allowed in YAML"
    help = "is this a text file?" if found.group() == "\0" else "delete it"
    return text, Problem("CNN001", message, _end_of(text[: found.start()], file), help)


def _is_plain(text: str) -> bool:
    """Whether the text is printable ASCII."""
    return text.isascii() and text.translate(_LAYOUT).isprintable()


def _first(file: str, code: str, message: str, help: str | None = None) -> Problem:
    return Problem(code, message, Span(file, 1, 1, 1, 1), help)


def _end_of(before: str, file: str) -> Span:
    """The place of the character that follows the text."""
    lines = split_lines(before)
    line, column = len(lines), len(lines[-1]) + 1
    return Span(file, line, column, line, column + 1)


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends, counted as spans count them."""
    return LINE_END.split(text)
