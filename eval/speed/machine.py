"""The machine that `clausetag bench` ran on, as far as it matters for speed."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from clausetag.model.provenance import git_revision, versions
from clausetag.model.runtime import available_cores

BUSY = 0.5
"""Load a core from which on figures are worth little."""
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system, versions."""
    found: dict[str, Any] = {"cpu": platform.processor() or platform.machine(), "flags": []}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                found["cpu"] = value.strip()
            elif name.strip() == "flags":
                found["flags"] = [flag for flag in _FLAGS if flag in value.split()]
                break
    found["cores"] = os.cpu_count()
    found["usable_cores"] = available_cores()
    with suppress(AttributeError, OSError, ValueError):
        found["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    found["system"] = f"{platform.system()} {platform.machine()}"
    found["versions"] = versions("train")
    with suppress(PackageNotFoundError):
        found["versions"]["sentence-transformers"] = version("sentence-transformers")
    found["git"] = git_revision()
    return found


def load_average() -> float | None:
    """Processes that ran or waited to, over the last minute; None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None
