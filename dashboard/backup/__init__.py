"""The whole installation in one file, and back: rows and files, for either database and either file store.

`archive` is the file's format; `dump` writes one while the dashboard runs; `load` puts one in the place of what is
there; `keep` is what must not go back in time with it.
"""
