"""The networks: inputs, architecture, losses, training, model files and ensembles."""
