"""From pictures to digits: ``read`` a page, or ``prepare_digit`` from a drawing of one.

In the order of the work: ``pictures`` (files → colours), ``ink`` (what stands out from the paper), ``rules`` (ruled
lines, taken out), ``pieces`` (ink that hangs together), ``layout`` (pieces → shapes, shapes → lines),
``segmentation`` (touching digits, cut apart), ``preparation`` (a shape → an image as MNIST has them), ``reader`` (all
of it, and the network's verdict), ``page`` (what was read), ``drawing`` (the answers on the picture).
"""

from digits.reading.page import Digit, Line, Page
from digits.reading.pictures import open_picture
from digits.reading.preparation import prepare_digit
from digits.reading.reader import READING_MODEL, Reader, read

__all__ = ["READING_MODEL", "Digit", "Line", "Page", "Reader", "open_picture", "prepare_digit", "read"]
