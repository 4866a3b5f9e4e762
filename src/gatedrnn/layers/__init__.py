"""Recurrent layers: readable and compiled, their starts, and their weights in other libraries."""
