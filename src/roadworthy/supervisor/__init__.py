"""The process that keeps a node's workers alive, stages artifacts and writes the plan they follow."""
