"""Pure mathematics: metrics, intervals, distances, always-valid inference. No input, no output, no clock."""
