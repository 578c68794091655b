"""Scenes of labelled traffic: see `../scenarios.py`."""
