"""Several relay processes behind one port: a supervisor, and what a worker tells it.

`supervisor` keeps the workers running, `slot` is one of their places, `process` one start of one of
them; `link` is a worker's end of the line, `place` what `app.py` sees of it all; `merging` makes
one relay's metrics of many processes'. docs/decisions/0015-workers.md says why it is so.
"""
