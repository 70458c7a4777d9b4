"""TransferZ as a data set for others: its table, and the documents beside it."""
