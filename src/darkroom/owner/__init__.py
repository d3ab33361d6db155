"""The data owner's own process, with keys that the domain never sees.

Imports nothing: the child that reads submitted code lies below, and loads no more than it.
"""
