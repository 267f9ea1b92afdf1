"""Tests of the prediction log, one file a module."""
