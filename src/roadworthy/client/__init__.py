"""The Python client: asks a Roadworthy server for predictions, and tells it outcomes and predictions made elsewhere.

Not here: anything a server or a job needs. It imports the standard library and msgspec only.
"""

from __future__ import annotations

from roadworthy.client.background import Delivery as Delivery
from roadworthy.client.client import Client as Client
from roadworthy.client.client import Predictions as Predictions
