"""From pictures to digits. So far: one picture file of one digit, prepared as MNIST's makers prepared theirs."""

from digits.reading.pictures import open_picture
from digits.reading.preparation import prepare_digit

__all__ = ["open_picture", "prepare_digit"]
