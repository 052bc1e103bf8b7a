"""The whole market: a population on the machine whose liquidations move the price of all."""
