"""Scenarios that come with Seawall: dangers by kind, and crises of the past with figures."""
