"""Tests of the serving worker, without processes."""
