"""TransferZ: photometric redshifts from two ground truths. A room for each stage of the paper."""

__version__ = "0.1.0"
