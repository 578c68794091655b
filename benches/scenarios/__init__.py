"""Scenes of labeled traffic: see `../scenarios.py`."""
