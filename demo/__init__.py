"""The story that `make demo` tells: half a year of real flights through the whole loop."""
