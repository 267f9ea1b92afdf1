"""Checks before any traffic: each measures from evidence and judges against limits. Never trains, never serves."""
