"""freqtrade's flow, as a bot of its own that is watched and asked over its REST API.

It is pointed at the venue by its configuration alone, as ``seawall up`` prints it.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from secrets import token_hex
from typing import Any

from seawall.venues.hyperliquid.snippets import client_snippets
from tests.conformance.hyperliquid.clients.talk import Failed, Report
from tests.conformance.hyperliquid.clients.venue import LocalVenue, free_port
from tests.conformance.hyperliquid.wire import info
from tests.waiting import PATIENCE_S, wait_until

PAIR = "BTC/USDC:USDC"
LEVERAGE = 20
BELOW = 0.994
"""Where the price goes, as a share of the liquidation price: the margin is not used up there."""
SCRIPT = Path(__file__).parent / "scripts" / "FlowStrategy.py"


class Bot:
    """``freqtrade trade`` with a database that outlives a restart."""

    def __init__(self, program: Path, folder: Path, config: dict[str, Any], candles: int) -> None:
        self._port = free_port()
        self._program = program
        self._folder = folder
        server = {
            "enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": self._port,
            "username": "flow", "password": "flow", "jwt_secret_key": token_hex(32),
        }  # fmt: skip
        whole = {**config, "api_server": server, "internals": {"process_throttle_secs": 1}}
        (folder / "config.json").write_text(json.dumps(whole))
        (folder / "strategies").mkdir()
        shutil.copy(SCRIPT, folder / "strategies")
        about = {
            "candles": candles,
            "leverage": LEVERAGE,
            "stoploss_on_exchange": not config["dry_run"],
        }
        self._environment = {**os.environ, "FLOW": json.dumps(about)}
        self.log = folder / "bot.log"
        self.start()

    def start(self) -> None:
        words = ["trade", "-c", "config.json", "-s", "FlowStrategy", "--userdir", "."]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [str(self._program), *words, "--db-url", "sqlite:///trades.sqlite"],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.until("it runs", lambda: self.ask("show_config")["state"] == "running")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()

    def ask(self, path: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/api/v1/{path}")
        request.add_header("Authorization", "Basic " + base64.b64encode(b"flow:flow").decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def until(self, what: str, question: Any) -> Any:
        """The first true answer. Raises Failed with the end of the bot's log."""
        found: list[Any] = []

        def answered() -> bool:
            if self._process.poll() is not None:
                raise Failed(f"freqtrade has ended\n{self.end_of_log()}")
            try:
                found.append(question())
            except (urllib.error.URLError, OSError, KeyError, IndexError):
                return False
            return bool(found[-1])

        try:
            wait_until(answered)
        except Failed:
            raise
        except AssertionError as error:
            raise Failed(f"{what}: {error}\n{self.end_of_log()}") from None
        return found[-1]

    def end_of_log(self) -> str:
        return self.log.read_text()[-4000:]


def run_bot(
    program: Path, venue: LocalVenue, about: dict[str, Any], report: Report, *, dry: bool, mode: str
) -> None:
    """Connect, warm up, trade, reconcile after its restart, liquidation, the venue's restart."""
    snippets = client_snippets(venue.url, about["address"], about["key"], "BTC", "0.001")
    (text,) = [each.code for each in snippets if each.kind == "freqtrade"]
    config = {**json.loads(text), "dry_run": dry, "margin_mode": mode, "dry_run_wallet": 1_000}
    if mode == "cross":
        config |= {"stake_amount": "unlimited", "tradable_balance_ratio": 0.9}
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(program, Path(folder), config, about["candles"])
        try:
            _flow(bot, venue, about, report, dry=dry)
        finally:
            bot.stop()


def _flow(bot: Bot, venue: LocalVenue, about: dict[str, Any], report: Report, *, dry: bool) -> None:
    report("connect", bot.ask("version")["version"])
    candles = f"pair_candles?pair={PAIR}&timeframe=1m&limit=1000"
    rows = bot.until("candles", lambda: bot.ask(candles)["length"])
    assert rows >= about["candles"], f"{rows} candles"
    report("history", {"candles": rows})

    trade = bot.until("a trade", lambda: _open(bot))
    report("trade", {name: trade[name] for name in ("amount", "open_rate", "leverage")})

    bot.stop()
    bot.start()
    again = bot.until("the trade after a restart", lambda: _open(bot))
    assert (again["trade_id"], again["amount"]) == (trade["trade_id"], trade["amount"])
    price = again["liquidation_price"]
    if not dry:
        held = _position(venue, about)
        assert held is not None
        assert float(held["szi"]) == again["amount"]
        price = float(held["liquidationPx"])
        assert abs(again["liquidation_price"] / price - 1) < 0.06, (again, held)
    report("reconcile", {"liquidation_price": again["liquidation_price"], "of the venue": price})

    # A jump: in a fall by steps the bot sells first, at its own distance from the liquidation.
    venue.control.price("BTC", round(price * BELOW))
    closed = bot.until("the trade is closed", lambda: _closed(bot, trade["trade_id"]))
    assert dry or _was_liquidated(venue, about)
    report("liquidated", {"reason": closed["exit_reason"], "profit": closed["profit_abs"]})

    venue.restart()
    venue.control.fund(about["address"], 1_000)
    higher = round(price * 1.02)
    venue.control.price("BTC", higher)

    def sees_it() -> Any:
        found = _open(bot)
        return found and abs(found["current_rate"] / higher - 1) < 0.003 and found

    later = bot.until("a new trade at the price after the venue's restart", sees_it)
    assert later["trade_id"] != trade["trade_id"]
    report("reconnect", {"trade": later["trade_id"], "rate": later["current_rate"]})


def _open(bot: Bot) -> Any:
    """The trade that is open and filled; None without one."""
    found = [each for each in bot.ask("status") if each["amount"] and not each["has_open_orders"]]
    return found[0] if found and found[0]["liquidation_price"] else None


def _closed(bot: Bot, number: int) -> Any:
    done = [t for t in bot.ask("trades")["trades"] if t["trade_id"] == number and not t["is_open"]]
    return done[0] if done else None


def _was_liquidated(venue: LocalVenue, about: dict[str, Any]) -> bool:
    """Whether the venue, and not a stop, has closed the account's position."""
    fills = info(venue.url, "userFills", user=about["address"])
    forced = [each["liquidation"] for each in fills if "liquidation" in each]
    return any(each["liquidatedUser"] == about["address"] for each in forced)


def _position(venue: LocalVenue, about: dict[str, Any]) -> Any:
    state = info(venue.url, "clearinghouseState", user=about["address"])
    held = [each["position"] for each in state["assetPositions"]]
    return held[0] if held else None
