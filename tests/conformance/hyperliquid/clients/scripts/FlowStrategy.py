"""A strategy for freqtrade that buys as soon as its average is warm, and never sells by itself."""

import json
import os
from typing import Any, ClassVar

import talib.abstract as ta
from freqtrade.strategy import IStrategy

ABOUT = json.loads(os.environ["FLOW"])


class FlowStrategy(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi: ClassVar[dict[str, float]] = {}
    stoploss = -1.5  # of the stake, so beyond the liquidation
    process_only_new_candles = False
    startup_candle_count = ABOUT["candles"]
    order_types: ClassVar[dict[str, Any]] = {
        "entry": "market",
        "exit": "market",
        "stoploss": "limit",
        "stoploss_on_exchange": ABOUT["stoploss_on_exchange"],
    }

    def populate_indicators(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        dataframe["average"] = ta.EMA(dataframe, timeperiod=min(10, ABOUT["candles"] + 1))
        return dataframe

    def populate_entry_trend(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        warm = dataframe["average"].notna() | (len(dataframe) < 10)
        dataframe.loc[warm, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        dataframe["exit_long"] = 0
        return dataframe

    def leverage(self, *about: Any, **more: Any) -> float:
        return float(ABOUT["leverage"])
