"""A small network with an embedding for every category, trained in PyTorch and served as an ONNX graph without it.

What Roadworthy asks of an estimator of one's own: `fit(X, y, columns)`, `get_params()`, `to_onnx()`; and, so that the
gate can tell which rows of an embedding training never touched, `initial_weights()`.
"""

import io
import threading
import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator

MISSING, UNKNOWN, FIRST = 0, 1, 2

# A number further from the mean than this many deviations counts as so far: rain is rare and then heavy.
FARTHEST = 3.0

# PyTorch's exporter keeps what it does in one place for the whole process.
EXPORTING = threading.Lock()


class Layers(torch.nn.Module):
    """Embeddings of categories, the mean embedding of each list, and standardised numbers, into one hidden layer.

    places   feature → its columns among the categories, one, or several for a list
    tables   feature → the feature whose embeddings it uses, its own or another's
    """

    def __init__(self, places, tables, sizes, mean, scale, width, hidden):
        super().__init__()
        self.places, self.tables = places, tables
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        # What is missing, and the padding of a list, is the row of zeros that is never trained.
        self.embeddings = torch.nn.ModuleDict(
            {name: torch.nn.Embedding(size, width, padding_idx=MISSING) for name, size in sizes.items()}
        )
        self.hidden = torch.nn.Linear(len(places) * width + 2 * len(mean), hidden)
        self.out = torch.nn.Linear(hidden, 1)

    def forward(self, numbers, categories):
        absent = torch.isnan(numbers)
        standard = ((numbers - self.mean) / self.scale).clamp(-FARTHEST, FARTHEST)
        standard = torch.where(absent, torch.zeros_like(numbers), standard)
        parts = [standard, absent.to(numbers.dtype)]
        for name, columns in self.places.items():
            codes = categories[:, columns[0] : columns[-1] + 1]
            filled = (codes != MISSING).sum(1, keepdim=True).clamp(min=1).to(numbers.dtype)
            parts.append(self.embeddings[self.tables[name]](codes).sum(1) / filled)
        return torch.sigmoid(self.out(torch.relu(self.hidden(torch.cat(parts, 1)))))


class Network(BaseEstimator):
    """The network as an estimator.

    lists     list feature → the feature whose embeddings it shares, such as `{"been": "dest"}`
    unknown   share of entries that are shown as unknown while training, so that what is unknown is learned too
    """

    def __init__(
        self,
        lists=None,
        width=4,
        hidden=32,
        epochs=4,
        rate=0.004,
        decay=3.0,
        batch=256,
        unknown=0.02,
        random_state=None,
    ):
        self.lists = lists
        self.width, self.hidden = width, hidden
        self.epochs, self.rate, self.decay, self.batch = epochs, rate, decay, batch
        self.unknown = unknown
        self.random_state = random_state

    def fit(self, X, y, columns):
        """Fit; the same rows, seed and library give the same bytes."""
        torch.set_num_threads(1)  # the number of threads would decide the last bits
        chance = torch.Generator().manual_seed(self.random_state or 0)
        numbers, categories = self._parts(X, columns)
        self.network_ = self._network(numbers, columns, chance)
        with torch.no_grad():  # to begin with, everybody is answered the base rate
            self.network_.out.bias.fill_(float(np.log(y.mean() / (1 - y.mean()))))
        self.before_ = {name: held.detach().numpy().copy() for name, held in self.network_.named_parameters()}
        numbers, categories = torch.as_tensor(numbers), torch.as_tensor(categories)
        labels = torch.as_tensor(y, dtype=torch.float32).reshape(-1, 1)
        decayed = [held for name, held in self.network_.named_parameters() if not name.endswith("bias")]
        others = [held for name, held in self.network_.named_parameters() if name.endswith("bias")]
        groups = [{"params": decayed, "weight_decay": self.decay}, {"params": others, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=self.rate)
        steps = self.epochs * -(-len(labels) // self.batch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(labels), generator=chance).split(self.batch):
                codes = categories[rows]
                hide = (torch.rand(codes.shape, generator=chance) < self.unknown) & (codes >= FIRST)
                said = self.network_(numbers[rows], torch.where(hide, UNKNOWN, codes))
                optimiser.zero_grad()
                torch.nn.functional.binary_cross_entropy(said, labels[rows]).backward()
                optimiser.step()
                schedule.step()
        return self

    def to_onnx(self):
        """The graph in float64, so that a row's answer does not depend on who else is in the batch."""
        file = io.BytesIO()
        network = self.network_.double().eval()
        numbers = torch.zeros((2, len(network.mean)), dtype=torch.float64)
        categories = torch.zeros((2, self.wide_), dtype=torch.int64)
        with EXPORTING, warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the newer exporter needs another package and gives another graph
            torch.onnx.export(
                network,
                (numbers, categories),
                file,
                dynamo=False,
                opset_version=17,
                input_names=["numbers", "categories"],
                output_names=["probability"],
                dynamic_axes={name: {0: "rows"} for name in ("numbers", "categories", "probability")},
            )
        return file.getvalue()

    def initial_weights(self):
        """What the graph's arrays held before training."""
        return self.before_

    def _parts(self, X, columns):
        kinds = np.array([column.kind for column in columns])
        self.wide_ = int((kinds == "category").sum())
        return X[:, kinds == "number"].astype(np.float32), X[:, kinds == "category"].astype(np.int64)

    def _network(self, numbers, columns, chance):
        lists = self.lists or {}
        places, sizes = {}, {}
        for place, column in enumerate(each for each in columns if each.kind == "category"):
            stem = column.name.rpartition("_")[0]
            name = stem if stem in lists else column.name
            places.setdefault(name, []).append(place)
            sizes.setdefault(lists.get(name, name), column.size)
        tables = {name: lists.get(name, name) for name in places}
        scale = np.nanstd(numbers, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        network = Layers(places, tables, sizes, np.nanmean(numbers, axis=0), scale, self.width, self.hidden)
        with torch.no_grad():
            for name, held in network.named_parameters():
                spread = 0.1 if name.startswith("embeddings") else held.shape[-1] ** -0.5
                held.normal_(0.0, spread, generator=chance)
                if name.startswith("embeddings"):
                    held[MISSING] = 0.0
        return network
