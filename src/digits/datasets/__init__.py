"""Where images come from: the embedded MNIST, a user's CSV and IDX files, and a cache of what was parsed.

A ``Dataset`` is all that the rest of the program sees. ``sources.py`` decides which data are used; ``mnist.py``,
``csv_files.py`` and ``idx_files.py`` each read one kind; ``cache.py`` keeps what was parsed.
"""

from digits.datasets.dataset import Dataset
from digits.datasets.sources import data_info, describe_source, export, load_mnist, load_test, load_train

__all__ = ["Dataset", "data_info", "describe_source", "export", "load_mnist", "load_test", "load_train"]
