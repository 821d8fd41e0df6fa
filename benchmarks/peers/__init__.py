"""The contenders: each module has a ``Trainer``, a ``Predictor`` or a ``Warper`` of ``benchmarks.work``, or several.

A module imports its library and may be imported by a worker only. One that can be told how many threads to take has
``use_threads(count)``.
"""
