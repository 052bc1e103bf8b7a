"""A policy of the guard on simulated paths and in crises, beside the same account without it."""
