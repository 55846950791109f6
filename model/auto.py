"""Registers the network with transformers' Auto classes as soon as these are imported, and not before.

`import clausetag` takes milliseconds, transformers and torch take seconds. So the package does not import them to
register its classes; a finder waits for the modules that hold the registries.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_WAITING = {
    "transformers.models.auto.configuration_auto": "clausetag.model.configuration",
    "transformers.models.auto.modeling_auto": "clausetag.model.network",
}
"""The module of each registry, and our module that registers itself there when it is imported."""


class _Registering(Loader):
    """Loads a registry's module, then the module of ours that registers itself in it."""

    def __init__(self, loader: Loader, then: str) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        import_module(self._then)


class _Finder(MetaPathFinder):
    def __init__(self) -> None:
        self._waiting = dict(_WAITING)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        then = self._waiting.pop(name, None)  # removed first: the search below comes here again
        spec = find_spec(name) if then is not None else None
        if spec is not None and spec.loader is not None and then is not None:
            spec.loader = _Registering(spec.loader, then)
        return spec


def register_when_imported() -> None:
    """Register with the Auto classes now, if transformers has loaded them, else when it does."""
    for name, ours in _WAITING.items():
        if name in sys.modules:
            import_module(ours)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
