"""`python -m roadworthy.cli`, for places where the command is not on the path."""

from roadworthy.cli import main

main()
