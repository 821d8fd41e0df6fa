"""``digits`` beside other programs, in one run: ``python -m benchmarks``, at its root.

The pieces, in the order in which a reader wants them:

- ``rows``          what is compared with what, and the targets: the table of contents
- ``work``          the works: training, inference, warping
- ``contenders``    what one repetition of each is, and how it is known that two contenders did the same
- ``peers/``        each contender's code, as an expert of the library writes it; ``peers/ours`` is ``digits``
- ``worker``        a process that does one contender's work when it is told to
- ``processes``     starts the workers and lets them work in turns, the others standing still
- ``commands``      whole programs: how long they take to start, how much memory they need
- ``growth``        time of an epoch over width, batch size and number of images
- ``step_profile``  where the time of one step goes
- ``measurement``   medians, ratios, spreads; whether two sides learnt the same
- ``machine``       where it was measured
- ``report``, ``figures``   the table, the JSON, the pictures
"""
