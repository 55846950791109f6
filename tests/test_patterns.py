"""Every regular expression of the package takes linear time, whatever the text.

Each is run, in the ways in which the package uses it, on texts that are made to be hard for it: repetitions of what it
consists of, and of what has been hard for others. Times are compared with times of the same pattern on half the text.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

import clausetag

LENGTH = 100
"""Characters of a text of the single length; texts of 10 and of 20 times the length are compared."""
NOTICED = 0.001
"""Seconds below which growth is not measured; quadratic patterns need 20 times as long for 20 times the length."""
LINEAR = 3.0
"""Growth for a text that is twice as long: 2 if it is linear, 4 if it is quadratic."""
STEP = 1.2
EXPONENTIAL = 8.0
"""Growth for a text that is a fifth longer."""

_METHODS = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")
_NOT_LITERAL = re.compile(r"\\\\|\[\^[^\]]*\]|\{[\d,]+\}|\(\?[:>=!<]+")
_LITERALS = re.compile(r"[^\\\[\](){}|?*+^$.]+")
_ESCAPES = re.compile(r"\\.")
_CLASSES = (" ", "a", "1", "-", ".", "\n")
_ENDS = ("", "\x01", "a")
_STOCK = (
    *(" ", "\n", "\t", "\u00a0", "\u200b", "a", "A", "é", "中", "1", "i", ".", ",", "-", "–", "_", "*", "#", "=", "|"),
    *("'", '"', "“", "’", "(", ")", "[", "]", "{", "<", ">", "&", "@", "/", "\\", "!", "?", "•", "©", "\x00", "\ufffd"),
    *(". ", ".\n", "- ", "a ", "a.", "a-", "a,", "1.", "1 ", "(a) ", "(1", "x@y ", "a b ", "Aa ", "a\n", "  a", ". . "),
    *("<!---->", "<!-- x -->", "<!--", "<p>a b ", "<p>", "</p>", "</p ", "<a", "<b>", "<br>", " <br> ", "<a x "),
    *("<script>", "<style ", "</script", "<meta charset ", "[a](", "[a](/", "](", "![", "http://", "&amp;", "&#1"),
    *("to top ", "back to top ", "skip to a ", "cookie ", "cookies-", "consent_", "page 1 ", "1 of ", "1/", "v1."),
    *("we ", "your data ", "personal ", "privacy ", "collect a b ", "third-", "opt-", "U.S. ", "e.g. ", "No. "),
)  # fmt: skip

Attack = tuple[str, str, str]
"""A start, what is repeated after it, and an end."""


def package_modules() -> list[ModuleType]:
    names = (info.name for info in pkgutil.walk_packages(clausetag.__path__, "clausetag."))
    return [
        importlib.import_module(name) for name in names if not name.startswith(("clausetag.tests", "clausetag.scripts"))
    ]


def patterns() -> dict[re.Pattern[Any], tuple[str, set[str]]]:
    """Each pattern of the package with its name and the methods that are used."""
    found: dict[re.Pattern[Any], tuple[str, set[str]]] = {}
    modules = package_modules()
    for module in modules:
        for name, value in vars(module).items():
            values = (
                value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            )
            for pattern in values:
                if isinstance(pattern, re.Pattern):
                    found.setdefault(pattern, (f"{module.__name__}.{name}", set()))
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute) and node.attr in _METHODS and isinstance(node.value, ast.Name):
                pattern = vars(module).get(node.value.id)
                if isinstance(pattern, re.Pattern):
                    found[pattern][1].add(node.attr)
    return found


def attacks(source: str) -> Iterator[Attack]:
    """Texts that are hard for a pattern with this source, or for others."""
    plain = _ESCAPES.sub(lambda found: _unescaped(found[0]), _NOT_LITERAL.sub("", source))
    pieces = [piece for piece in _LITERALS.findall(plain) if piece]
    repeated = dict.fromkeys(
        [*_STOCK, *pieces, *(f"{piece} " for piece in pieces), *map("".join, pairwise(pieces)), "".join(pieces)]
    )
    if len(pieces) <= 6:
        repeated |= dict.fromkeys(a + b for a in pieces for b in (*pieces, *_CLASSES))
    for body in filter(None, repeated):
        for end in _ENDS:
            yield "", body, end
    for number in range(min(len(pieces), 8)):
        for start in {pieces[number], "".join(pieces[: number + 1])}:
            for body in _CLASSES:
                yield start, body, "\x01"


def _unescaped(escape: str) -> str:
    return {"s": " ", "S": "a", "w": "a", "W": " ", "d": "1", "D": "a", "b": "", "B": "", "A": "", "Z": ""}.get(
        escape[1], escape[1] if not escape[1].isalnum() else "."
    )


def growth(run: Callable[[Any], object], attack: Attack, encode: bool = False) -> str | None:
    """How the time of `run` grows, if that is more than linear; otherwise None."""

    def seconds(length: int, times: int = 1) -> float:
        start, body, end = attack
        text: Any = start + body * max(1, length // len(body)) + end
        text = text.encode("utf-8", "replace") if encode else text
        return min(_seconds(run, text) for _ in range(times))

    # In small steps, as an exponential pattern would never end on a long text.
    length = 10.0
    while length < 5 * LENGTH:
        if seconds(int(length)) > 10 * NOTICED:
            times = seconds(int(length), 3) / seconds(int(length / STEP), 3)
            if times > EXPONENTIAL:
                return f"{times:.0f} times as long for a text that is a fifth longer"
        length *= STEP
    if seconds(20 * LENGTH) < NOTICED:
        return None
    for shorter in (10 * LENGTH, 20 * LENGTH):
        single, double = float("inf"), float("inf")
        for _ in range(4):  # other programs can only make it slower, so the fastest of several runs counts
            single, double = min(single, seconds(shorter, 2)), min(double, seconds(2 * shorter, 2))
            if double < NOTICED or double <= LINEAR * single:
                return None
    return f"{double / single:.1f} times as long for a text that is twice as long"


def _seconds(run: Callable[[Any], object], text: Any) -> float:
    started = time.perf_counter()
    run(text)
    return time.perf_counter() - started


def uses(pattern: re.Pattern[Any], methods: set[str]) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """The methods as functions of a text; `search` for a pattern with unknown ones."""
    nothing = b"" if isinstance(pattern.pattern, bytes) else ""
    for method in methods or {"search"}:
        function = getattr(pattern, method)
        if method in ("sub", "subn"):
            yield method, lambda text, run=function: run(nothing, text)
        elif method == "finditer":
            yield method, lambda text, run=function: sum(1 for _ in run(text))
        else:
            yield method, function


def test_every_pattern_is_linear() -> None:
    found = patterns()
    assert len(found) > 60 and any("sniff" in name for name, _ in found.values())
    slow: list[str] = []
    for pattern, (name, methods) in found.items():
        encode = isinstance(pattern.pattern, bytes)
        source = pattern.pattern.decode("latin-1") if encode else pattern.pattern
        for method, run in uses(pattern, methods):
            for attack in attacks(source):
                if (problem := growth(run, attack, encode)) is not None:
                    slow.append(f"{name}.{method}: {problem}: {attack}")
                    break
    assert not slow, "\n".join(slow)


def test_every_pattern_has_a_name_in_its_module() -> None:
    """Patterns that are written where they are used would escape the test above."""
    hidden = [
        f"{module.__name__}:{node.lineno}"
        for module in package_modules()
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _METHODS
    ]
    assert not hidden


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html)\b", "match"),
        (r"(?:\W*(?:to (?:the )?top|skip to [\w ]+)\W*)+", "fullmatch"),
        (r"\S*\w\S*", "findall"),
        (r"\s+[|–—:»·•-]+\s+|\s*[|»]\s*", "split"),
        (r"\[[^\[\]\n]+\]\((?:https?:|/)[^)\s]*\)", "search"),
        (r"(?:\s?\.){4,}\s*\w{0,5}$", "search"),
        (r"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]+)", "search"),
        (r"cookies?\b.*\b(?:accept|ok\b)", "search"),
        (r"<[^>]*>", "sub"),
        (r"\d+\s*(?:/|of)\s*\d+\W*$", "search"),
    ],
)
def test_patterns_that_are_not_linear_are_found(pattern: str, method: str) -> None:
    """These were in the package, or are parts of those that were."""
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    ((_, run),) = uses(compiled, {method})
    assert any(growth(run, attack) for attack in attacks(pattern))
