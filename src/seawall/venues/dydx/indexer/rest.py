"""The indexer's REST paths below ``/v4``."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from seawall.domain.units import DAY_MS
from seawall.venues.dydx.directory.directory import CHILDREN, Subaccount
from seawall.venues.dydx.indexer.ids import subaccount_id
from seawall.venues.dydx.indexer.markets import (
    RESOLUTIONS,
    book_object,
    candle_object,
    funding_rates,
    market_objects,
)
from seawall.venues.dydx.indexer.money import (
    asset_object,
    fill_object,
    funding_object,
    trade_object,
    transfer_object,
)
from seawall.venues.dydx.indexer.orders import order_with_id, shown_orders
from seawall.venues.dydx.indexer.pnl import Moment, historical_pnl, pnl, summed
from seawall.venues.dydx.indexer.positions import positions_of
from seawall.venues.dydx.indexer.subaccounts import parent_object, subaccount_object
from seawall.venues.dydx.indexer.trade_history import trade_history
from seawall.venues.dydx.indexer.view import NotFound, View
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.dydx.wire.order_message import HIGHEST_SUBACCOUNT
from seawall.venues.numbers import printed_number

MOST = 1000
_FAR = 10_000


class BadQuery(ValueError):
    """A parameter that is missing or wrong."""

    def __init__(self, parameter: str, text: str, value: str | None = None) -> None:
        super().__init__(text)
        self.parameter, self.text, self.value = parameter, text, value


Query = Callable[[web.Request], Any]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def refused(status: int, text: str, **more: Any) -> web.Response:
    """An error as the indexer answers it."""
    return _json({"errors": [{"msg": text, **more}]}, status)


def _text(request: web.Request, name: str) -> str:
    found = request.query.get(name) or request.match_info.get(name)
    if not found:
        raise BadQuery(name, f"{name} must be given")
    return found


def _number(request: web.Request, name: str, most: int) -> int:
    text = _text(request, name)
    number = printed_number(text, most)
    if number < 0:
        raise BadQuery(name, f"{name} must be a non-negative integer, at most {most}", text)
    return number


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(MOST))
    number = printed_number(text, MOST)
    if number < 1:
        raise BadQuery(
            "limit", f"limit must be a positive integer that is not greater than {MOST}", text
        )
    return number


def _time(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name)
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadQuery(name, f"{name} must be a valid ISO time", text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _page(request: web.Request, found: Sequence[Any], name: str) -> dict[str, Any]:
    """A part of a list, newest first, and where it stands if a page was asked for."""
    limit = _limit(request)
    if "page" not in request.query:
        return {name: list(found[:limit])}
    page = max(1, _number(request, "page", _FAR))
    start = (page - 1) * limit
    return {
        name: list(found[start : start + limit]),
        "pageSize": limit,
        "totalResults": len(found),
        "offset": start,
    }


class Indexer:
    """Handlers of the paths; each gives the body of an answer."""

    def __init__(self, view: View) -> None:
        self.view = view

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for path, query in self._paths().items():
            router.add_get(f"/v4{path}", _handler(query))

    def _paths(self) -> dict[str, Query]:
        own, below = self._account, self._parents
        return {
            "/perpetualMarkets": self.markets,
            "/orderbooks/perpetualMarket/{ticker}": self.book,
            "/trades/perpetualMarket/{ticker}": self.trades,
            "/candles/perpetualMarkets/{ticker}": self.candles,
            "/historicalFunding/{ticker}": self.funding,
            "/sparklines": self.sparklines,
            "/time": self.time,
            "/height": self.height,
            "/screen": self.screen,
            "/compliance/screen/{address}": self.compliance,
            "/addresses/{address}": self.address,
            "/addresses/{address}/subaccountNumber/{subaccountNumber}": self.subaccount,
            "/addresses/{address}/parentSubaccountNumber/{parentSubaccountNumber}": self.parent,
            "/perpetualPositions": lambda r: self.positions(r, own(r)),
            "/perpetualPositions/parentSubaccountNumber": lambda r: self.positions(r, below(r)),
            "/assetPositions": lambda r: self.assets(own(r)),
            "/assetPositions/parentSubaccountNumber": lambda r: self.assets(below(r)),
            "/orders": lambda r: self.orders(r, own(r)),
            "/orders/parentSubaccountNumber": lambda r: self.orders(r, below(r)),
            "/orders/{orderId}": self.order,
            "/fills": lambda r: self.fills(r, own(r)),
            "/fills/parentSubaccount": lambda r: self.fills(r, below(r)),
            "/fills/parentSubaccountNumber": lambda r: self.fills(r, below(r)),
            "/transfers": lambda r: self.transfers(r, own(r)),
            "/transfers/parentSubaccountNumber": lambda r: self.transfers(r, below(r)),
            "/fundingPayments": lambda r: self.payments(r, own(r)),
            "/fundingPayments/parentSubaccount": lambda r: self.payments(r, below(r)),
            "/historical-pnl": lambda r: self.historical_pnl(r, own(r)),
            "/historical-pnl/parentSubaccountNumber": lambda r: self.historical_pnl(r, below(r)),
            "/pnl": lambda r: self.pnl(r, own(r)),
            "/pnl/parentSubaccountNumber": lambda r: self.pnl(r, below(r)),
            "/tradeHistory": lambda r: self.trade_history(r, own(r)),
            "/tradeHistory/parentSubaccountNumber": lambda r: self.trade_history(r, below(r)),
            "/historicalBlockTradingRewards/{address}": lambda r: {"rewards": []},
            "/historicalTradingRewardAggregations/{address}": lambda r: {"rewards": []},
        }

    # -- accounts --------------------------------------------------------------------------------

    def _account(self, request: web.Request) -> list[Subaccount]:
        number = _number(request, "subaccountNumber", HIGHEST_SUBACCOUNT)
        return [self.view.subaccount(_text(request, "address"), number)]

    def _parents(self, request: web.Request) -> list[Subaccount]:
        number = _number(request, "parentSubaccountNumber", CHILDREN - 1)
        return self.view.children(_text(request, "address"), number)

    def address(self, request: web.Request) -> Any:
        address = _text(request, "address")
        found = self.view.directory.subaccounts(address)
        if not found:
            raise NotFound(f"No subaccounts found for address {address}")
        shown = [subaccount_object(self.view, each) for each in found]
        return {"subaccounts": shown, "totalTradingRewards": "0"}

    def subaccount(self, request: web.Request) -> Any:
        (account,) = self._account(request)
        return {"subaccount": subaccount_object(self.view, account)}

    def parent(self, request: web.Request) -> Any:
        number = _number(request, "parentSubaccountNumber", CHILDREN - 1)
        return {"subaccount": parent_object(self.view, _text(request, "address"), number)}

    def positions(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        wanted = [word for word in request.query.get("status", "").split(",") if word]
        found = [each for account in accounts for each in positions_of(self.view, account)]
        chosen = [each for each in found if not wanted or each["status"] in wanted]
        return {"positions": chosen[: _limit(request)]}

    def assets(self, accounts: list[Subaccount]) -> Any:
        found = [asset_object(self.view, account) for account in accounts]
        return {"positions": [each for each in found if each is not None]}

    def orders(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        query = request.query
        words = [word for text in query.getall("status", []) for word in text.split(",") if word]
        wanted = {"ticker": query.get("ticker"), "side": query.get("side")}
        kind = query.get("type")
        found = []
        for account in accounts:
            for each in shown_orders(self.view, account):
                is_wanted = all(not value or each[name] == value for name, value in wanted.items())
                # Clients that do not know the type fail on the whole list, so it is asked for.
                is_kind = each["type"] == kind if kind else each["type"] != "TWAP"
                if is_wanted and is_kind and (not words or each["status"] in words):
                    found.append(each)
        return found[: _limit(request)]

    def order(self, request: web.Request) -> Any:
        wanted = _text(request, "orderId")
        found = order_with_id(self.view, wanted)
        if found is not None:
            return found
        raise NotFound(f"Unable to find order id {wanted}")

    def fills(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        market = request.query.get("market")
        pair = self.view.pair_of(market) if market else None
        found = [
            (fill, account)
            for account in accounts
            for fill in self.view.history.fills(account.row, limit=_FAR)
            if pair is None or fill.market == pair.row
        ]
        found.sort(key=lambda each: -each[0].trade_id)
        page = _page(request, found, "fills")
        page["fills"] = [fill_object(self.view, own, fill) for fill, own in page["fills"]]
        return page

    def transfers(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        made = [
            transfer_object(self.view, account, record)
            for account in accounts
            for record in self.view.history.ledger(account.row, limit=_FAR)
        ]
        found = [each for each in made if each is not None]
        found.sort(key=lambda each: str(each["createdAt"]), reverse=True)
        return _page(request, found, "transfers")

    def payments(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        found = [
            (record, account)
            for account in accounts
            for record in self.view.history.funding(account.row, limit=_FAR)
        ]
        found.sort(key=lambda each: -each[0].time_ms)
        page = _page(request, found, "fundingPayments")
        page["fundingPayments"] = [
            funding_object(self.view, own, record) for record, own in page["fundingPayments"]
        ]
        return page

    def _moments(self, request: web.Request, accounts: list[Subaccount]) -> list[Moment]:
        """The full hours that are asked for, newest first."""
        since = _time(request, "createdOnOrAfter", 0)
        until = _time(request, "createdBeforeOrAt", self.view.desk.now_ms())
        found = summed(self.view, accounts)
        return [each for each in found if since <= each.time_ms <= until]

    def historical_pnl(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        found = historical_pnl(
            self.view,
            subaccount_id(accounts[0].address, accounts[0].number),
            self._moments(request, accounts),
        )
        return _page(request, found, "historicalPnl")

    def pnl(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        is_daily = request.query.get("daily") == "true"
        found = pnl(self.view, self._moments(request, accounts), is_daily)
        return _page(request, found, "pnl")

    def trade_history(self, request: web.Request, accounts: list[Subaccount]) -> Any:
        found = [each for account in accounts for each in trade_history(self.view, account)]
        found.sort(key=lambda each: (each["time"], each["id"]), reverse=True)
        market = request.query.get("market")
        if market:
            self.view.pair_of(market)
            found = [each for each in found if each["marketId"] == market]
        return _page(request, found, "tradeHistory")

    # -- markets ---------------------------------------------------------------------------------

    def markets(self, request: web.Request) -> Any:
        wanted = request.query.get("ticker") or request.query.get("market") or ""
        return market_objects(self.view, wanted)

    def book(self, request: web.Request) -> Any:
        return book_object(self.view, self.view.pair_of(_text(request, "ticker")))

    def trades(self, request: web.Request) -> Any:
        pair = self.view.pair_of(_text(request, "ticker"))
        found = self.view.history.trades(pair.row, _limit(request))
        return {"trades": [trade_object(self.view, fill) for fill in found]}

    def candles(self, request: web.Request) -> Any:
        pair = self.view.pair_of(_text(request, "ticker"))
        resolution = _text(request, "resolution")
        if resolution not in RESOLUTIONS:
            known = ", ".join(RESOLUTIONS)
            raise BadQuery("resolution", f"resolution must be one of {known}", resolution)
        now = self.view.desk.now_ms()
        start, end = _time(request, "fromISO", 0), _time(request, "toISO", now + 1)
        interval = RESOLUTIONS[resolution]
        found = self.view.history.candles(pair.row, interval, start, end - 1, _limit(request))
        return {
            "candles": [
                candle_object(self.view, pair, resolution, candle) for candle in reversed(found)
            ]
        }

    def funding(self, request: web.Request) -> Any:
        pair = self.view.pair_of(_text(request, "ticker"))
        return {"historicalFunding": funding_rates(self.view, pair, _limit(request))}

    def sparklines(self, request: web.Request) -> Any:
        days = {"ONE_DAY": (1, "1HOUR"), "SEVEN_DAYS": (7, "4HOURS")}
        period = _text(request, "timePeriod")
        if period not in days:
            raise BadQuery("timePeriod", f"timePeriod must be one of {', '.join(days)}", period)
        count, resolution = days[period]
        now = self.view.desk.now_ms()
        return {
            pair.ticker: [
                self.view.price(pair, candle.close)
                for candle in reversed(
                    self.view.history.candles(
                        pair.row, RESOLUTIONS[resolution], now - count * DAY_MS, now
                    )
                )
            ]
            for pair in self.view.pairs.by_row
        }

    # -- the rest --------------------------------------------------------------------------------

    def time(self, request: web.Request) -> Any:
        now = self.view.desk.now_ms()
        return {"iso": iso(now), "epoch": now / 1000}

    def height(self, request: web.Request) -> Any:
        return {"height": str(self.view.node.height), "time": iso(self.view.node.block_ms)}

    def screen(self, request: web.Request) -> Any:
        _text(request, "address")
        return {"restricted": False}

    def compliance(self, request: web.Request) -> Any:
        return {"status": "COMPLIANT", "updatedAt": iso(self.view.node.block_ms)}


def _handler(query: Query) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return _json(query(request))
        except BadQuery as error:
            more = {"param": error.parameter, "location": "params"}
            if error.value is not None:
                more["value"] = error.value
            return refused(400, error.text, **more)
        except NotFound as error:
            return refused(404, str(error))

    return handle
