"""Conversions between sizes, quotes and prices, and the roundings they are made of."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tests.scalar_formulas import ask

Case = Mapping[str, Any]
PANIC = {"error": "panic"}


def _value_exponent(given: Case) -> int:
    exponent: int = given["price_exponent"] + given["size_exponent"] + 6
    return exponent


def base_to_quote(given: Case) -> Any:
    exponent = _value_exponent(given)
    return {"quote": ask("notional_of", given["size"], given["price"], exponent)}


def quote_to_base(given: Case) -> Any:
    if given["price"] == 0:
        return PANIC
    exponent = _value_exponent(given)
    return {"size": ask("size_worth", given["quote"], given["price"], exponent)}


def fill_to_quote(given: Case) -> Any:
    exponent = given["order_price_exponent"]
    size, subticks = given["size"], given["order_price"]
    return {"quote": ask("fill_quote", size, subticks, exponent)}


def _ratio(pair: tuple[int, int]) -> dict[str, int]:
    """In lowest terms, as the cases write it."""
    value = Fraction(*pair)
    return {"numerator": value.numerator, "denominator": value.denominator}


def average_price_subticks(given: Case) -> Any:
    quote, size = given["quote"], given["size"]
    if size == 0:
        return PANIC
    return {"order_price": _ratio(ask("average_price", quote, size, given["order_price_exponent"]))}


def _subticks_exponent(given: Case) -> int:
    exponent: int = given["price_exponent"] - given["order_price_exponent"]
    return exponent + int(given["base_exponent"] - given["cash_exponent"])


def price_to_subticks(given: Case) -> Any:
    pair = ask("oracle_in_subticks", given["price"], _subticks_exponent(given))
    return {"order_price": _ratio(pair)}


def subticks_to_price(given: Case) -> Any:
    return {"price": ask("subticks_to_oracle", given["order_price"], _subticks_exponent(given))}


def mul_ppm(given: Case) -> Any:
    return {"result": ask("mul_ppm", given["val"], given["ppm"], int(given["round_up"]))}


def div_ceil(given: Case) -> Any:
    if given["denominator"] == 0:
        return {"result": None}
    return {"result": ask("divide_ceil", given["numerator"], given["denominator"])}


def rat_round(given: Case) -> Any:
    value = given["value"]
    return {
        "result": ask(
            "rounded_ratio", value["numerator"], value["denominator"], int(given["round_up"])
        )
    }


def round_to_multiple(given: Case) -> Any:
    if given["multiple"] <= 0:
        return PANIC
    return {"result": ask("multiple_of", given["n"], given["multiple"], int(given["round_up"]))}


GROUPS: dict[str, Callable[[Case], Any]] = {
    "quote_of_size": base_to_quote,
    "size_of_quote": quote_to_base,
    "net_notional": base_to_quote,
    "notional_in_base": quote_to_base,
    "quote_of_fill": fill_to_quote,
    "average_order_price": average_price_subticks,
    "oracle_to_order_price": price_to_subticks,
    "order_to_oracle_price": subticks_to_price,
    "mul_ppm": mul_ppm,
    "div_ceil": div_ceil,
    "rat_round": rat_round,
    "round_to_multiple": round_to_multiple,
}
