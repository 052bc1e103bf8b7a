"""The protobuf messages of the chain: the one place that imports the package which has them.

It is an optional extra; ``missing`` says what to install. Its modules carry no types that the type
checkers follow, so messages are Any here.
"""

from typing import Any

INSTALL = "pip install 'seawall[dydx]'; in a clone: ./setup dev"


def missing() -> str:
    """The name of the package that is needed and not installed; empty if none is."""
    try:
        import grpc  # noqa: F401
    except ImportError:
        return "grpcio"
    try:
        import v4_proto  # noqa: F401
    except ImportError:
        return "v4-proto"
    return ""


def message(module: str, name: str) -> Any:
    """The class of a message by the module below ``v4_proto`` and its name."""
    return getattr(_modules()[module], name)


def _modules() -> dict[str, Any]:
    from v4_proto.cosmos.auth.v1beta1 import auth_pb2
    from v4_proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
    from v4_proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
    from v4_proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
    from v4_proto.cosmos.base.abci.v1beta1 import abci_pb2
    from v4_proto.cosmos.base.tendermint.v1beta1 import query_pb2 as block_query
    from v4_proto.cosmos.base.v1beta1 import coin_pb2
    from v4_proto.cosmos.crypto.secp256k1 import keys_pb2
    from v4_proto.cosmos.tx.v1beta1 import service_pb2, tx_pb2
    from v4_proto.dydxprotocol.accountplus import query_pb2 as accountplus_query
    from v4_proto.dydxprotocol.clob import clob_pair_pb2, equity_tier_limit_config_pb2, order_pb2
    from v4_proto.dydxprotocol.clob import query_pb2 as clob_query
    from v4_proto.dydxprotocol.clob import tx_pb2 as clob_tx
    from v4_proto.dydxprotocol.feetiers import params_pb2 as fee_params
    from v4_proto.dydxprotocol.feetiers import query_pb2 as fee_query
    from v4_proto.dydxprotocol.perpetuals import perpetual_pb2
    from v4_proto.dydxprotocol.perpetuals import query_pb2 as perpetual_query
    from v4_proto.dydxprotocol.prices import market_price_pb2
    from v4_proto.dydxprotocol.prices import query_pb2 as price_query
    from v4_proto.dydxprotocol.rewards import query_pb2 as reward_query
    from v4_proto.dydxprotocol.sending import transfer_pb2
    from v4_proto.dydxprotocol.sending import tx_pb2 as sending_tx
    from v4_proto.dydxprotocol.stats import query_pb2 as stats_query
    from v4_proto.dydxprotocol.stats import stats_pb2
    from v4_proto.dydxprotocol.subaccounts import (
        asset_position_pb2,
        perpetual_position_pb2,
        subaccount_pb2,
    )
    from v4_proto.dydxprotocol.subaccounts import (
        query_pb2 as subaccount_query,
    )

    return {
        "auth": auth_pb2, "auth.query": auth_query, "bank": bank_tx, "bank.query": bank_query,
        "abci": abci_pb2, "block.query": block_query, "coin": coin_pb2, "keys": keys_pb2,
        "tx": tx_pb2, "tx.service": service_pb2, "accountplus.query": accountplus_query,
        "clob.query": clob_query, "clob": clob_tx, "clob_pair": clob_pair_pb2,
        "order": order_pb2,
        "equity_tier": equity_tier_limit_config_pb2, "feetiers": fee_params,
        "feetiers.query": fee_query, "perpetuals": perpetual_pb2,
        "perpetuals.query": perpetual_query, "prices": market_price_pb2,
        "prices.query": price_query, "rewards.query": reward_query, "transfer": transfer_pb2,
        "sending": sending_tx, "stats.query": stats_query, "stats": stats_pb2,
        "asset_position": asset_position_pb2, "perpetual_position": perpetual_position_pb2,
        "subaccounts.query": subaccount_query, "subaccounts": subaccount_pb2,
    }  # fmt: skip


def serialized_int(value: int) -> bytes:
    """An integer as the chain writes it: a sign, then the magnitude."""
    size = (abs(value).bit_length() + 7) // 8
    return bytes([3 if value < 0 else 2]) + abs(value).to_bytes(size, "big")
