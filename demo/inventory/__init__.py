"""A small stock ledger: goods come in, goods go out, reports read what is left."""

from .report import reorder_list, shipped_by_item, stock_value
from .stock import Item, Ledger, Movement, OutOfStock

__all__ = [
    "Item",
    "Ledger",
    "Movement",
    "OutOfStock",
    "reorder_list",
    "shipped_by_item",
    "stock_value",
]
