"""What is not known of the past where there is no venue's own history."""

from seawall.venues.port import FundingRate, OrderRecord


class PartialHistory:
    """The answers of ``venues.port.History`` about what neither a recording nor an account that is
    read has: orders that have ended, and rates of past settlements."""

    trouble = ""

    def order(self, account: int, order_id: int = 0, client_id: int = 0) -> OrderRecord | None:
        return None

    def orders(self, account: int, limit: int = 2000) -> list[OrderRecord]:
        return []

    def funding_rates(
        self, market: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRate]:
        return []
