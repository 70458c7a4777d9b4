"""The second study: redshifts from simulated spectra with one-dimensional networks."""
