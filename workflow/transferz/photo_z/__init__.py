"""Photometric redshifts for a catalogue of the user's own."""
