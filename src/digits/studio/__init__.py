"""The studio: a page in the browser, served by one's own machine, that shows everything a network does.

The server holds no algorithm of its own: a router a room (``draw``, ``inside``, ``runs``, ``testing``) asks the
library and answers in JSON. ``app`` puts them together, ``manners`` guards the door, ``serving`` runs it all,
``networks`` knows which models there are; ``images``, ``models``, ``failures`` and ``state`` are what the rooms share.
The page itself is written in ``web/`` and built into ``page/``.
"""
