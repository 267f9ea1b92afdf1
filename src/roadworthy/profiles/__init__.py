"""Summaries of a window of predictions that add with `+`, and the reference they are compared with."""
