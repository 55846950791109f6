"""The Jinja2 environment that renders every HTML page, and the styles and scripts that a page carries inside.

Templates, styles and scripts lie in `templates/`. All values are escaped (autoescape), and a name that a template uses
but nobody passes is an error (StrictUndefined). A page loads nothing: its content security policy allows its own style
and script by their SHA-256 hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clausetag.data.labels import LABELS
from clausetag.data.palette import palette
from clausetag.predict.terminal import counted

TEMPLATES = Path(__file__).with_name("templates")
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Inline:
    """A style or script that stands inside a page. Its text is ours and is not escaped."""

    text: Markup
    hash: str
    """SHA-256 in base64, as a content security policy wants it."""

    @classmethod
    def of(cls, text: str) -> Inline:
        """Compute the hash of `text`."""
        return cls(Markup(text), base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


@cache
def environment(*folders: Path) -> Environment:
    """Templates from `folders`, then from the shared `TEMPLATES`."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"counted": counted, "script": None, "served": False}
    made.filters |= {"thousands": "{:,}".format, "breakable": _breakable}
    return made


def _breakable(name: str) -> Markup:
    """A label's name, whose lines may break after a slash and not within its words."""
    return Markup("/<wbr>").join(name.split("/"))


@cache
def stylesheet(name: str, labels: tuple[str, ...] = LABELS) -> str:
    """The rules that all pages share, those of the page `name`, and the colours of the labels."""
    colours = palette(labels)
    files = ("base", name, *(["facts"] if name == "policy" else []))
    rules = [(TEMPLATES / f"{file}.css").read_text(encoding="utf-8").strip() for file in dict.fromkeys(files)]
    codes = (f'.l{colours.key(label)} {{ --code: "{code}"; }}' for label, code in colours.codes.items())
    return "\n".join((*rules, *map(colours.hue_rules, labels), *codes))


@cache
def _inlined(name: str, labels: tuple[str, ...]) -> dict[str, object]:
    script = TEMPLATES / f"{name}.js"
    found: dict[str, object] = {"style": Inline.of(stylesheet(name, labels)), "palette": palette(labels)}
    if script.exists():
        found["script"] = Inline.of(script.read_text(encoding="utf-8").strip())
    return found


def generate(name: str, labels: tuple[str, ...], **values: object) -> Iterator[str]:
    """The page `name`, piece by piece, with its style and, if it has one, its script inside."""
    return environment().get_template(f"{name}.html").generate({**_inlined(name, labels), **values})


def macro(template: str, name: str) -> Callable[..., Markup]:
    """A macro of a template, for the parts of a page that are rendered one at a time."""
    found: Callable[..., Markup] = getattr(environment().get_template(template).module, name)
    return found


def read_parts(path: Path) -> Iterator[Markup]:
    """A file of such parts, in chunks of bounded size."""
    with path.open(encoding="utf-8", newline="") as file:
        while chunk := file.read(_CHUNK):
            yield Markup(chunk)
