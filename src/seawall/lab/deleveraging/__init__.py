"""Deleveraging policies side by side: what each takes from winners, and from which."""

from seawall.lab.deleveraging.question import DeleveragingResult, deleveraging

__all__ = ["DeleveragingResult", "deleveraging"]
