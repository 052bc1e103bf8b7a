"""One client of the soak: the unmodified ``ccxt``. The lines are those of ``soak_python.py``.

python soak_ccxt.py ABOUT.json NUMBER
"""

import json
import random
import sys
import traceback
from collections import Counter
from typing import Any

import ccxt

sys.path.insert(0, __file__.rpartition("/")[0])
from ccxt_client import SYMBOL, User


class Player:
    def __init__(self, user: User, seed: int) -> None:
        self.user = user
        self.dice = random.Random(seed)
        self.ids = 1000 * seed
        self.resting: list[int] = []

    def act(self) -> str:
        """One action; what it was."""
        user, dice = self.user, self.dice
        self.ids += 1
        side = dice.choice(("buy", "sell"))
        away = 1 if side == "buy" else -1
        found = user.exchange.indexerGetPerpetualMarkets({"ticker": "BTC-USD"})
        price = float(found["markets"]["BTC-USD"]["oraclePrice"])
        kind = dice.choices(("market", "long", "cancel", "money", "read"), (5, 3, 2, 1, 1))[0]
        if kind == "market":
            user.place("market", side, round(dice.uniform(0.01, 0.3), 3), price * (1 + 0.01 * away))
        elif kind == "long" or (kind == "cancel" and not self.resting):
            if len(self.resting) < 6:
                near = round(price * (1 - 0.001 * away))
                user.place("limit", side, 0.02, near, clientOrderId=self.ids)
                self.resting.append(self.ids)
        elif kind == "cancel":
            gone = self.resting.pop(0)
            user.exchange.cancel_order("x", SYMBOL, {"clientOrderId": gone})
        elif kind == "money":
            way = {"fromSubaccountId": 0, "toSubaccountId": dice.randint(1, 3)}
            own = user.address
            user.exchange.transfer("USDC", dice.randint(1, 10**6) / 10**6, own, own, way)
        else:
            user.exchange.fetch_positions([SYMBOL])
            user.exchange.fetch_balance()
        return kind


def answered(player: Player, line: str) -> dict[str, Any]:
    _, count = line.split()
    done: Counter[str] = Counter()
    for _ in range(int(count)):
        try:
            done[player.act()] += 1
        except ccxt.ExchangeError as refusal:
            done[f"refused {type(refusal).__name__}"] += 1
            # A cancel of an order that was filled meanwhile is refused; nothing else may be lost.
    return {"done": done}


def main() -> None:
    with open(sys.argv[1]) as file:
        about = json.load(file)
    number = int(sys.argv[2])
    player = Player(User(about, number), number)
    for line in sys.stdin:
        try:
            answer = answered(player, line)
        except BaseException:
            answer = {"fault": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
