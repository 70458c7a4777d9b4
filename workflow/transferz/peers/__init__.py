"""Peers: the field's own estimators on the same galaxies, as their users install them."""
