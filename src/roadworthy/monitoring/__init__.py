"""Checks on live traffic: each measures a window of the log against a reference. Never acts."""
