"""Fitting a model and packing everything serving needs into an artifact. Never judges, never serves."""
