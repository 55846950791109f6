"""Imports what requests need; imported by the process from which the service's reader processes are copied."""

from __future__ import annotations

import clausetag.data.documents.preload
import clausetag.serving.http.requests
import clausetag.serving.runtime.prepare  # noqa: F401
