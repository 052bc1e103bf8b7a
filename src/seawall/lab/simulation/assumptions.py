"""Every number that a cascade assumes about traders and prices, in one place.

The venue's rules are not here: margin, mark price, liquidation, backstop, insurance, deleveraging
and funding are the machine's own. What moves the prices between them is assumed:

* **Displacement.** Makers quote around the fundamental price times exp(displacement). Every fill
  against them counts as flow in units of the depth that is left: with D the calm USD within 50 bp
  of one side and w the share of it that is left, a flow of q USD adds q / (D x sqrt(w)). With u the
  sum of what was added, the displacement is 50 bp x u up to one depth and 50 bp x sqrt(u) beyond:
  eating the depth moves the price by what the depth says, and more costs less each (the square root
  law of market impact). ``permanent_share`` of each flow stays; the rest halves every
  ``half_life_seconds``.
* **Other venues.** Their price, which the oracle and the outside price follow, is displaced by
  ``coupling`` of the same, ``lag_seconds`` late: the same positions are held and liquidated there.
* **Depth.** The stress rule of ``lab/market/liquidity``, on the makers' own price; and makers that
  lose quote less: their share of the depth falls in proportion to the loss, at ``maker_ruin`` calm
  depths of loss to nothing but ``LEAST_MAKER``.
"""

from msgspec import Struct

DEPTH_MOVE = 0.005
"""The move that eating one calm depth is, by the definition of depth."""
LARGEST_DISPLACEMENT = 0.7
"""Bounds of the displacement, in logarithms of the price."""
LEAST_MAKER = 0.1


class TradingAssumptions(Struct, frozen=True, kw_only=True):
    """Numbers of one run. Agents' strengths are multiples of their usual size, 0 for none.

    ``coupling``, ``permanent_share``: chosen without a source, between a market that stands alone
    and one that all others follow, and between an impact that passes and one that stays; vary them.
    ``half_life_seconds``: that of ``lab/market/liquidity``. ``backstop_share``: its
    capital (or that of the insurance fund, where there is no backstop), of the open interest.
    """

    seed: int = 1
    coupling: float = 0.5
    lag_seconds: float = 3.0
    permanent_share: float = 0.3
    half_life_seconds: float = 120.0
    noise: float = 1.0
    trend: float = 1.0
    arbitrage: float = 1.0
    maker_ruin: float = 4.0
    backstop_share: float = 0.01
    fast_forward: bool = True
