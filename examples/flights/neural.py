"""The flights models as networks, for whoever goes from trees to embeddings: late, and cancelled, which is rare.

Both have the features of the boosted trees, vocabularies included, and the same names: a network is trained, gated,
compared with the trees row by row and released as their next version. Needs PyTorch: `make torch`.
"""

from dataclasses import replace

import cancelled
import delay
from network import Network

late = replace(delay.delay, estimator=Network(lists={"been": "dest"}))
cancelled = replace(cancelled.cancelled, estimator=Network(lists={"been": "dest"}, decay=1.0))
