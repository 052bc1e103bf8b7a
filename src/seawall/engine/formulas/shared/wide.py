"""Comparisons of products that pass 128 bits, exact."""

from seawall.engine.compile import INTERPRETED

if INTERPRETED:
    from seawall.engine.plain_arithmetic import compare_products, compare_sums
else:
    from seawall.engine.compiled_arithmetic import compare_products, compare_sums

__all__ = ["compare_products", "compare_sums"]
