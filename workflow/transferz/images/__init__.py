"""Studies of images: lenses with uncertain labels, stars and galaxies."""
