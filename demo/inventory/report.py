"""What the ledger says, for people."""


def reorder_list(ledger):
    """Names of the items that have fallen to their reorder level."""
    return [
        item.name
        for item in ledger.items()
        if ledger.on_hand(item.sku) <= item.reorder_at
    ]


def shipped_by_item(ledger):
    """Units shipped for each item name, the busiest first."""
    names = {item.sku: item.name for item in ledger.items()}
    totals = {}
    for movement in ledger.movements():
        if movement.quantity < 0:
            name = names[movement.sku]
            totals[name] = totals.get(name, 0) - movement.quantity
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))


def stock_value(ledger, sku):
    """Value of what is on hand, at the average cost of everything received."""
    received = [m for m in ledger.movements() if m.sku == sku and m.quantity > 0]
    units = sum(m.quantity for m in received)
    if units == 0:
        return 0.0
    cost = sum(m.quantity * m.unit_cost for m in received)
    return round(ledger.on_hand(sku) * cost / units, 2)
