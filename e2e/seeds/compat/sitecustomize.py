"""Gives the names back to `collections` that pika 0.13 still looks for there."""

import collections
import collections.abc

for name in ("Callable", "Hashable", "Iterable", "Mapping", "MutableMapping", "Sequence"):
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))
