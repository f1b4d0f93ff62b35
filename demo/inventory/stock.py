"""The ledger: an append-only list of movements, and the items that they are about."""

from dataclasses import dataclass


class OutOfStock(Exception):
    """More was asked for than is on hand."""


@dataclass(frozen=True)
class Item:
    """Something that is kept in stock."""

    sku: str
    name: str
    reorder_at: int = 0


@dataclass(frozen=True)
class Movement:
    """One entry of the ledger; goods that leave have a negative quantity."""

    sku: str
    quantity: int
    unit_cost: float = 0.0


def normalise(sku):
    """People type SKUs in every way; the ledger knows one spelling of each."""
    return sku.strip().upper()


class Ledger:
    """Items and everything that happened to them."""

    def __init__(self):
        self._items = {}
        self._movements = []

    def register(self, sku, name, reorder_at=0):
        """Make an item known, so that goods can be received for it."""
        key = normalise(sku)
        self._items[key] = Item(key, name, reorder_at)
        return self._items[key]

    def receive(self, sku, quantity, unit_cost):
        """Book goods that came in."""
        item = self._items[normalise(sku)]
        self._movements.append(Movement(item.sku, quantity, unit_cost))

    def ship(self, sku, quantity):
        """Book goods that leave; what is not there cannot leave."""
        available = self.on_hand(sku)
        if quantity > available:
            raise OutOfStock(f"{sku}: {quantity} asked for, {available} on hand")
        self._movements.append(Movement(sku, -quantity))

    def on_hand(self, sku):
        """How many of an item are in stock now."""
        key = normalise(sku)
        return sum(m.quantity for m in self._movements if m.sku == key)

    def items(self):
        """Every known item, in the order of registration."""
        return list(self._items.values())

    def movements(self):
        """Every movement, oldest first."""
        return list(self._movements)
