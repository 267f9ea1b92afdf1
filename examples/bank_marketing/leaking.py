"""The same with the length of the call, which is known only when it is over."""

from dataclasses import replace

from bought import bought, known
from roadworthy import Features, number

leaking = replace(bought, features=Features(**known, duration=number("duration")))
