"""Subaccounts, alone and with their parent, as the indexer shows them."""

from fractions import Fraction
from typing import Any

from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.money import USDC, asset_object
from seawall.venues.dydx.indexer.positions import open_positions
from seawall.venues.dydx.indexer.view import View, decimal


def subaccount_object(view: View, account: Subaccount) -> dict[str, Any]:
    """One subaccount."""
    asset = asset_object(view, account)
    height = str(view.node.height)
    return {
        "address": account.address,
        "subaccountNumber": account.number,
        "equity": decimal(view.equity(account.row)),
        "freeCollateral": decimal(view.free_collateral(account.row)),
        "openPerpetualPositions": open_positions(view, account),
        "assetPositions": {} if asset is None else {USDC: asset},
        "marginEnabled": True,
        "updatedAtHeight": height,
        "latestProcessedBlockHeight": height,
    }


def parent_object(view: View, address: str, parent: int) -> dict[str, Any]:
    """A parent with its children. Raises NotFound."""
    children = view.children(address, parent)
    zero = Fraction(0)
    return {
        "address": address,
        "parentSubaccountNumber": parent,
        "equity": decimal(sum((view.equity(each.row) for each in children), zero)),
        "freeCollateral": decimal(sum((view.free_collateral(each.row) for each in children), zero)),
        "childSubaccounts": [subaccount_object(view, each) for each in children],
    }
