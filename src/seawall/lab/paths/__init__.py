"""Many random price paths of one account: how likely a liquidation is, and what it costs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seawall.lab.market.price_models import ModelOptions
    from seawall.lab.paths.estimates import Estimate
    from seawall.lab.paths.question import PathsResult, paths

__all__ = ["Estimate", "ModelOptions", "PathsResult", "paths"]


def __getattr__(name: str) -> Any:
    # The kernels are imported by workers, which need nothing of this.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.market.price_models import ModelOptions
    from seawall.lab.paths.estimates import Estimate
    from seawall.lab.paths.question import PathsResult, paths

    return {
        "Estimate": Estimate, "ModelOptions": ModelOptions, "PathsResult": PathsResult,
        "paths": paths,
    }[name]  # fmt: skip
