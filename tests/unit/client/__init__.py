"""Tests of the Python client against a server that does what it is told."""
