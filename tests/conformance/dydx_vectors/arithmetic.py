"""Conversions between sizes, quotes and prices, and the roundings they are made of."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tests.scalar_formulas import ask

Case = Mapping[str, Any]
PANIC = {"error": "panic"}


def _value_exponent(inputs: Case) -> int:
    exponent: int = inputs["price_exponent"] + inputs["atomic_resolution"] + 6
    return exponent


def base_to_quote(inputs: Case) -> Any:
    exponent = _value_exponent(inputs)
    return {
        "quote_quantums": ask("notional_of", inputs["base_quantums"], inputs["price"], exponent)
    }


def quote_to_base(inputs: Case) -> Any:
    if inputs["price"] == 0:
        return PANIC
    exponent = _value_exponent(inputs)
    return {"base_quantums": ask("size_worth", inputs["quote_quantums"], inputs["price"], exponent)}


def fill_to_quote(inputs: Case) -> Any:
    exponent = inputs["quantum_conversion_exponent"]
    size, subticks = inputs["base_quantums"], inputs["subticks"]
    return {"quote_quantums": ask("fill_quote", size, subticks, exponent)}


def _ratio(pair: tuple[int, int]) -> dict[str, int]:
    """In lowest terms, as the cases write it."""
    value = Fraction(*pair)
    return {"num": value.numerator, "den": value.denominator}


def average_price_subticks(inputs: Case) -> Any:
    quote, size = inputs["quote_quantums"], inputs["base_quantums"]
    if size == 0:
        return PANIC
    return {
        "subticks": _ratio(ask("average_price", quote, size, inputs["quantum_conversion_exponent"]))
    }


def _subticks_exponent(inputs: Case) -> int:
    exponent: int = inputs["price_exponent"] - inputs["quantum_conversion_exponent"]
    return exponent + int(inputs["base_atomic_resolution"] - inputs["quote_atomic_resolution"])


def price_to_subticks(inputs: Case) -> Any:
    pair = ask("oracle_in_subticks", inputs["price"], _subticks_exponent(inputs))
    return {"subticks": _ratio(pair)}


def subticks_to_price(inputs: Case) -> Any:
    return {"price": ask("subticks_to_oracle", inputs["subticks"], _subticks_exponent(inputs))}


def mul_ppm(inputs: Case) -> Any:
    return {"result": ask("mul_ppm", inputs["val"], inputs["ppm"], int(inputs["round_up"]))}


def div_ceil(inputs: Case) -> Any:
    if inputs["den"] == 0:
        return {"result": None}
    return {"result": ask("divide_ceil", inputs["num"], inputs["den"])}


def rat_round(inputs: Case) -> Any:
    value = inputs["value"]
    return {"result": ask("rounded_ratio", value["num"], value["den"], int(inputs["round_up"]))}


def round_to_multiple(inputs: Case) -> Any:
    if inputs["multiple"] <= 0:
        return PANIC
    return {"result": ask("multiple_of", inputs["n"], inputs["multiple"], int(inputs["round_up"]))}


GROUPS: dict[str, Callable[[Case], Any]] = {
    "base_to_quote_quantums": base_to_quote,
    "quote_to_base_quantums": quote_to_base,
    "net_notional": base_to_quote,
    "notional_in_base": quote_to_base,
    "fill_to_quote_quantums": fill_to_quote,
    "average_price_subticks": average_price_subticks,
    "price_to_subticks": price_to_subticks,
    "subticks_to_price": subticks_to_price,
    "mul_ppm": mul_ppm,
    "div_ceil": div_ceil,
    "rat_round": rat_round,
    "round_to_multiple": round_to_multiple,
}
