"""Edge nodes of the twin itself, which a gateway must not read: a metric of their birth tells."""

from __future__ import annotations

from broker.sparkplug.metric_specs import PRODUCT, PRODUCT_NAME
from broker.sparkplug.payload import Payload


def is_own(birth: Payload) -> bool:
    """Is an NBIRTH one of the twin's own?"""
    return any(one.name == PRODUCT and one.value == PRODUCT_NAME for one in birth.metrics)
