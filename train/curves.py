"""Learning curves of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw training loss, and each head's validation loss and F1, over epochs, to a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    epochs = [row["epoch"] for row in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, [row["train_loss"] for row in history], color="black", label="training")
    heads = list(history[-1]["validation"]) if history else []
    for head, colour in zip(heads, ("tab:blue", "tab:orange", "tab:green"), strict=False):
        figures = [row["validation"][head] for row in history]
        left.plot(epochs, [f["loss"] for f in figures], color=colour, label=f"validation, {head}")
        right.plot(epochs, [f["macro_f1"] for f in figures], color=colour, label=f"{head}, macro")
        right.plot(epochs, [f["micro_f1"] for f in figures], color=colour, linestyle="--", label=f"{head}, micro")
    left.set(xlabel="epoch", ylabel="loss (nats per unit)")
    right.set(xlabel="epoch", ylabel="F1 on validation policies", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)
