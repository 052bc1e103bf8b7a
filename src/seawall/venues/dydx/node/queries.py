"""Queries of the chain by their full names, for gRPC and for ``abci_query`` alike."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.enums import MarketStatus
from seawall.domain.rulebook import BlockRulebook
from seawall.venues.dydx.directory.directory import Holder, Subaccount, subaccount_key
from seawall.venues.dydx.node.actions import USDC
from seawall.venues.dydx.node.chain import CHAIN_ID, GAS, Node
from seawall.venues.dydx.node.proto import message, serialized_int
from seawall.venues.dydx.node.transactions import PUBLIC_KEY
from seawall.venues.dydx.pairs import Pair

Handler = Callable[[Any], Any]
_STATUS = {
    MarketStatus.OPEN: 1,
    MarketStatus.HALTED: 2,
    MarketStatus.POST_ONLY_ONLY: 4,
    MarketStatus.INITIALIZING: 5,
    MarketStatus.FINAL_SETTLEMENT: 6,
}


class NotFound(LookupError):
    """What was asked for does not exist; the message says what."""


class Queries:
    """Answers queries on a node. ``handlers``: the class of the request and its answer, by name."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.handlers: Mapping[str, tuple[Any, Handler]] = {
            f"/{service}/{method}": (message(module, request), answer)
            for service, method, module, request, answer in self._table()
        }

    def _table(self) -> list[tuple[str, str, str, str, Handler]]:
        auth, bank = "cosmos.auth.v1beta1.Query", "cosmos.bank.v1beta1.Query"
        block = "cosmos.base.tendermint.v1beta1.Service"
        clob, fees = "dydxprotocol.clob.Query", "dydxprotocol.feetiers.Query"
        perpetuals, prices = "dydxprotocol.perpetuals.Query", "dydxprotocol.prices.Query"
        accounts = "dydxprotocol.subaccounts.Query"
        tiers = "QueryEquityTierLimitConfigurationRequest"
        blocked = "GetWithdrawalAndTransfersBlockedInfo"
        return [
            (auth, "Account", "auth.query", "QueryAccountRequest", self.account),
            (auth, "AccountInfo", "auth.query", "QueryAccountInfoRequest", self.account_info),
            (bank, "AllBalances", "bank.query", "QueryAllBalancesRequest", self.balances),
            (bank, "Balance", "bank.query", "QueryBalanceRequest", self.balance),
            (block, "GetLatestBlock", "block.query", "GetLatestBlockRequest", self.latest_block),
            (block, "GetNodeInfo", "block.query", "GetNodeInfoRequest", self.node_info),
            (accounts, "Subaccount", "subaccounts.query", "QueryGetSubaccountRequest",
             self.subaccount),
            (accounts, "SubaccountAll", "subaccounts.query", "QueryAllSubaccountRequest",
             self.subaccounts),
            (accounts, blocked, "subaccounts.query", f"Query{blocked}Request", self.blocked),
            (clob, "ClobPair", "clob.query", "QueryGetClobPairRequest", self.clob_pair),
            (clob, "ClobPairAll", "clob.query", "QueryAllClobPairRequest", self.clob_pairs),
            (clob, "EquityTierLimitConfiguration", "clob.query", tiers, self.equity_tiers),
            (clob, "Leverage", "clob.query", "QueryLeverageRequest", self.leverage),
            (perpetuals, "Perpetual", "perpetuals.query", "QueryPerpetualRequest", self.perpetual),
            (perpetuals, "AllPerpetuals", "perpetuals.query", "QueryAllPerpetualsRequest",
             self.perpetuals),
            (prices, "MarketPrice", "prices.query", "QueryMarketPriceRequest", self.price),
            (prices, "AllMarketPrices", "prices.query", "QueryAllMarketPricesRequest",
             self.prices),
            (fees, "PerpetualFeeParams", "feetiers.query", "QueryPerpetualFeeParamsRequest",
             self.fee_tiers),
            (fees, "UserFeeTier", "feetiers.query", "QueryUserFeeTierRequest", self.fee_tier),
            ("dydxprotocol.stats.Query", "UserStats", "stats.query", "QueryUserStatsRequest",
             self.stats),
        ]  # fmt: skip

    # -- accounts --------------------------------------------------------------------------------

    def _holder(self, address: str) -> Holder:
        found = self.node.directory.holder(address)
        if found is None:
            raise NotFound(f"account {address} not found")
        return found

    def base_account(self, address: str) -> Any:
        """The BaseAccount of an address. Raises NotFound."""
        holder = self._holder(address)
        account = message("auth", "BaseAccount")(
            address=address, account_number=holder.number, sequence=holder.sequence
        )
        if holder.public_key:
            account.pub_key.type_url = PUBLIC_KEY
            key = message("keys", "PubKey")(key=bytes.fromhex(holder.public_key))
            account.pub_key.value = key.SerializeToString()
        return account

    def account(self, request: Any) -> Any:
        answer = message("auth.query", "QueryAccountResponse")()
        answer.account.Pack(self.base_account(request.address), type_url_prefix="/")
        return answer

    def account_info(self, request: Any) -> Any:
        return message("auth.query", "QueryAccountInfoResponse")(
            info=self.base_account(request.address)
        )

    def _coins(self, address: str) -> dict[str, int]:
        row = self.node.directory.row_of(address)
        cash = int(self.node.desk.engine.tables["accounts"]["cash"][row]) if row >= 0 else 0
        return {USDC: cash} if cash else {}

    def balances(self, request: Any) -> Any:
        coin = message("coin", "Coin")
        coins = [
            coin(denom=denom, amount=str(amount))
            for denom, amount in self._coins(request.address).items()
        ]
        return message("bank.query", "QueryAllBalancesResponse")(balances=coins)

    def balance(self, request: Any) -> Any:
        amount = self._coins(request.address).get(request.denom, 0)
        coin = message("coin", "Coin")(denom=request.denom, amount=str(amount))
        return message("bank.query", "QueryBalanceResponse")(balance=coin)

    def _subaccount(self, found: Subaccount) -> Any:
        tables = self.node.desk.engine.tables
        answer = message("subaccounts", "Subaccount")(margin_enabled=True)
        answer.id.owner, answer.id.number = found.address, found.number
        cash = int(tables["accounts"]["cash"][found.row])
        if cash:
            answer.asset_positions.add(asset_id=0, quantums=serialized_int(cash))
        positions, own = tables["positions"], tables["block_positions"]
        index = int(tables["accounts"]["first_position"][found.row])
        held = []
        while index >= 0:
            size = int(positions["signed_size"][index])
            if size:
                pair = self.node.pairs.by_row[int(positions["market"][index])]
                held.append((pair.number, size, int(own["funding_index"][index])))
            index = int(positions["next_of_account"][index])
        for number, size, funding_index in sorted(held):
            answer.perpetual_positions.add(
                perpetual_id=number,
                quantums=serialized_int(size),
                funding_index=serialized_int(funding_index),
                quote_balance=serialized_int(0),
            )
        return answer

    def subaccount(self, request: Any) -> Any:
        key = subaccount_key(request.owner, request.number)
        found = self.node.directory.state.accounts.get(key)
        if found is None:
            # The chain answers an empty one: every number of an address exists.
            empty = message("subaccounts", "Subaccount")(margin_enabled=False)
            empty.id.owner, empty.id.number = request.owner, request.number
            return message("subaccounts.query", "QuerySubaccountResponse")(subaccount=empty)
        answer = self._subaccount(found)
        return message("subaccounts.query", "QuerySubaccountResponse")(subaccount=answer)

    def subaccounts(self, request: Any) -> Any:
        found = self.node.directory.state.accounts.values()
        answers = [self._subaccount(each) for each in found if not each.is_wallet]
        return message("subaccounts.query", "QuerySubaccountAllResponse")(subaccount=answers)

    def blocked(self, request: Any) -> Any:
        tables = self.node.desk.engine.tables
        chain = tables["block_rules"]
        seen = int(chain["cross_gated_height"][0])
        pair = self.node.pairs.by_number.get(request.perpetual_id)
        if pair is not None and pair.terms.own_pool:
            seen = int(tables["block_markets"]["gated_height"][pair.row])
        until = seen + int(chain["gate_blocks"][0]) if seen else 0
        name = "QueryGetWithdrawalAndTransfersBlockedInfoResponse"
        return message("subaccounts.query", name)(
            negative_tnc_subaccount_seen_at_block=seen,
            withdrawals_and_transfers_unblocked_at_block=until,
        )

    # -- blocks ----------------------------------------------------------------------------------

    def latest_block(self, request: Any) -> Any:
        answer = message("block.query", "GetLatestBlockResponse")()
        node = self.node
        answer.block_id.hash = node.block_hash(node.height)
        for block in (answer.block, answer.sdk_block):
            header = block.header
            header.chain_id, header.height = CHAIN_ID, node.height
            header.time.FromMilliseconds(node.block_ms)
        return answer

    def node_info(self, request: Any) -> Any:
        answer = message("block.query", "GetNodeInfoResponse")()
        answer.default_node_info.network = CHAIN_ID
        answer.application_version.name = "seawall"
        return answer

    # -- markets ---------------------------------------------------------------------------------

    def _pair(self, number: int) -> Pair:
        found = self.node.pairs.by_number.get(number)
        if found is None:
            raise NotFound(f"clob pair {number} not found")
        return found

    def _clob_pair(self, pair: Pair) -> Any:
        status = MarketStatus(int(self.node.desk.engine.tables["markets"]["status"][pair.row]))
        answer = message("clob_pair", "ClobPair")(
            id=pair.number, step_base_quantums=pair.terms.size_step,
            subticks_per_tick=pair.terms.price_step,
            quantum_conversion_exponent=pair.terms.quote_exponent, status=_STATUS.get(status, 0),
        )  # fmt: skip
        answer.perpetual_clob_metadata.perpetual_id = pair.number
        return answer

    def clob_pair(self, request: Any) -> Any:
        answer = self._clob_pair(self._pair(request.id))
        return message("clob.query", "QueryClobPairResponse")(clob_pair=answer)

    def clob_pairs(self, request: Any) -> Any:
        found = [self._clob_pair(pair) for pair in self.node.pairs.by_row]
        return message("clob.query", "QueryClobPairAllResponse")(clob_pair=found)

    def equity_tiers(self, request: Any) -> Any:
        book = self.node.desk.engine.rulebook
        assert isinstance(book, BlockRulebook)
        answer = message("clob.query", "QueryEquityTierLimitConfigurationResponse")()
        tiers = answer.equity_tier_limit_config.stateful_order_equity_tiers
        tiers.add(usd_tnc_required=serialized_int(0), limit=0)
        for tier in book.order.equity_tiers:
            tiers.add(usd_tnc_required=serialized_int(tier.equity), limit=tier.open_orders)
        return answer

    def leverage(self, request: Any) -> Any:
        answer = message("clob.query", "QueryLeverageResponse")()
        tables = self.node.desk.engine.tables
        row = self.node.directory.row_of(subaccount_key(request.owner, request.number))
        index = int(tables["accounts"]["first_position"][row]) if row >= 0 else -1
        while index >= 0:
            ppm = int(tables["block_positions"]["initial_ppm"][index])
            if ppm:
                pair = self.node.pairs.by_row[int(tables["positions"]["market"][index])]
                answer.clob_pair_leverage.add(clob_pair_id=pair.number, custom_imf_ppm=ppm)
            index = int(tables["positions"]["next_of_account"][index])
        return answer

    def _perpetual(self, pair: Pair) -> Any:
        tables = self.node.desk.engine.tables
        answer = message("perpetuals", "Perpetual")(
            funding_index=serialized_int(int(tables["block_markets"]["funding_index"][pair.row])),
            open_interest=serialized_int(int(tables["markets"]["open_interest"][pair.row])),
        )
        params = answer.params
        params.id, params.ticker, params.market_id = pair.number, pair.ticker, pair.number
        params.atomic_resolution = pair.atomic_resolution
        params.default_funding_ppm = pair.terms.default_funding_ppm
        params.liquidity_tier = pair.liquidity_tier
        params.market_type = 2 if pair.terms.own_pool else 1
        return answer

    def perpetual(self, request: Any) -> Any:
        answer = self._perpetual(self._pair(request.id))
        return message("perpetuals.query", "QueryPerpetualResponse")(perpetual=answer)

    def perpetuals(self, request: Any) -> Any:
        found = [self._perpetual(pair) for pair in self.node.pairs.by_row]
        return message("perpetuals.query", "QueryAllPerpetualsResponse")(perpetual=found)

    def _price(self, pair: Pair) -> Any:
        price = int(self.node.desk.engine.tables["markets"]["oracle_price"][pair.row])
        kind = message("prices", "MarketPrice")
        return kind(id=pair.number, exponent=pair.oracle_exponent, price=price)

    def price(self, request: Any) -> Any:
        answer = self._price(self._pair(request.id))
        return message("prices.query", "QueryMarketPriceResponse")(market_price=answer)

    def prices(self, request: Any) -> Any:
        found = [self._price(pair) for pair in self.node.pairs.by_row]
        return message("prices.query", "QueryAllMarketPricesResponse")(market_prices=found)

    # -- fees ------------------------------------------------------------------------------------

    def _tiers(self) -> list[Any]:
        book = self.node.desk.engine.rulebook
        assert isinstance(book, BlockRulebook)
        kind = message("feetiers", "PerpetualFeeTier")
        return [
            kind(
                name=tier.name, absolute_volume_requirement=tier.volume,
                total_volume_share_requirement_ppm=tier.total_share_ppm,
                maker_volume_share_requirement_ppm=tier.maker_share_ppm,
                maker_fee_ppm=tier.maker_ppm, taker_fee_ppm=tier.taker_ppm,
            )
            for tier in book.fee.tiers
        ]  # fmt: skip

    def fee_tiers(self, request: Any) -> Any:
        answer = message("feetiers.query", "QueryPerpetualFeeParamsResponse")()
        answer.params.tiers.extend(self._tiers())
        return answer

    def fee_tier(self, request: Any) -> Any:
        """The tier whose rates the address has now; the first where it has none of its own."""
        tiers = self._tiers()
        found = self.node.directory.subaccounts(request.user)
        index = 0
        if found:
            accounts = self.node.desk.engine.tables["accounts"]
            rate = int(accounts["taker_rate"][found[0].row])
            rates = [tier.taker_fee_ppm * 1000 for tier in tiers]
            index = rates.index(rate) if rate in rates else 0
        return message("feetiers.query", "QueryUserFeeTierResponse")(index=index, tier=tiers[index])

    def stats(self, request: Any) -> Any:
        answer = message("stats.query", "QueryUserStatsResponse")()
        histories = self.node.desk.engine.tables["account_histories"]
        for each in self.node.directory.subaccounts(request.user):
            answer.stats.taker_notional += int(histories["taker_days"][each.row].sum())
            answer.stats.maker_notional += int(histories["maker_days"][each.row].sum())
        return answer


def gas_info() -> Any:
    """What a simulated transaction is said to use."""
    return message("abci", "GasInfo")(gas_wanted=GAS, gas_used=GAS)
