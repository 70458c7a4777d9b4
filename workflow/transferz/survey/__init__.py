"""The embedded survey: sky, spectra, photometry, template fits, and spectroscopic selections."""
