"""What can be asked of any stage without changing it: previews, what-ifs and sizes."""

import asyncio

from seawall.terminal import protocol, what_if
from seawall.terminal.preview import Copy, preview
from seawall.terminal.scene import Scene
from seawall.terminal.sizing import sized
from seawall.terminal.twaps import preview_twap, taken
from seawall.venues.twap_port import TwapOrders

QUESTIONS = (
    protocol.PreviewOrder,
    protocol.PreviewTwap,
    protocol.AskWhatIf,
    protocol.AskMargin,
    protocol.SizeByRisk,
)


async def answer_to(
    scene: Scene,
    copy: Copy,
    request: protocol.AnyRequest,
    account: int,
    twaps: TwapOrders | None = None,
) -> protocol.Answer:
    """The answer to one of ``QUESTIONS``. ``twaps``: the venue's time-weighted orders.

    Raises InputError.
    """
    if isinstance(request, protocol.PreviewTwap):
        return preview_twap(copy, taken(twaps), account, request)
    if isinstance(request, protocol.PreviewOrder):
        return preview(copy, account, request)
    if isinstance(request, protocol.SizeByRisk):
        return sized(scene, account, request)
    assert isinstance(request, protocol.AskWhatIf | protocol.AskMargin)
    held = what_if.taken_out(scene, account)
    if held is None:
        return what_if.without_positions(scene, account)
    now = then = held
    cell = None
    if isinstance(request, protocol.AskMargin):
        move = what_if.move_of(now, protocol.AskWhatIf())
        then = what_if.with_margin(now, request.market, request.amount)
    else:
        move = what_if.move_of(now, request)
        if request.modes or request.leverages:
            then = what_if.changed(now, request.modes, request.leverages)
        if request.afterwards:
            # Many steps of a simulation: beside the venue, not in its way.
            cell = await asyncio.to_thread(what_if.simulated, then, move)
    return what_if.answer(scene, now, then, move, cell)
