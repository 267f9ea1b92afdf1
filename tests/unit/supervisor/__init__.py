"""Tests of the supervisor, without processes."""
