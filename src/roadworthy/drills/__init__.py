"""Known ways in which models fail, injected on purpose into a copy of a healthy deployment: which guard catches them?

One file a fault (`p03_untrained_model.py`), listed in `catalogue`; how to write one stands in `fault`. Nothing outside
this package, but the command line's `drill`, knows that it exists.
"""
