"""Mark of the twin's own edge nodes, by which a gateway knows what it must not read back."""

from __future__ import annotations

from broker.sparkplug.data_types import DataType
from broker.sparkplug.payload import Metric, Payload

PRODUCT_METRIC = "Properties/Product"
"""Name of the metric of an NBIRTH that says which program it is of."""
PRODUCT = "pur-mold-twin"


def own_metric(timestamp_ms: int) -> Metric:
    """The metric that every NBIRTH of the twin has.

    Args:
        timestamp_ms: of the birth, in milliseconds since 1970 in UTC.
    """
    return Metric(PRODUCT_METRIC, None, DataType.STRING, PRODUCT, timestamp_ms)


def is_own(birth: Payload) -> bool:
    """Is an NBIRTH one of the twin's own?"""
    return any(one.name == PRODUCT_METRIC and one.value == PRODUCT for one in birth.metrics)
