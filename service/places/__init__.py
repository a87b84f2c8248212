"""Where inputs are found and outputs are put: folders on a disk, and in buckets."""

from service.places.inputs import Inputs, find_inputs
from service.places.place import Busy, Item, NothingYet, Place
from service.places.s3_client import S3Options
from service.places.uris import place_of

__all__ = ["Busy", "Inputs", "Item", "NothingYet", "Place", "S3Options", "find_inputs", "place_of"]
