"""TransferZ: photometric redshifts from two ground truths. A room for each stage of the paper."""
