import unittest

from inventory import Ledger, OutOfStock, reorder_list, shipped_by_item, stock_value


def stocked():
    ledger = Ledger()
    ledger.register("BOLT-M4", "Bolt M4", reorder_at=20)
    ledger.register("NUT-M4", "Nut M4", reorder_at=5)
    ledger.receive("BOLT-M4", 100, 0.10)
    ledger.receive("bolt-m4", 50, 0.16)
    ledger.receive("nut-m4 ", 40, 0.05)
    return ledger


class ReportTest(unittest.TestCase):
    def test_receiving_adds_up(self):
        ledger = stocked()
        self.assertEqual(ledger.on_hand("bolt-m4"), 150)

    def test_value_is_at_average_cost(self):
        self.assertEqual(stock_value(stocked(), "BOLT-M4"), 18.0)

    def test_nothing_to_reorder_at_first(self):
        self.assertEqual(reorder_list(stocked()), [])

    def test_shipping_too_much_is_refused(self):
        with self.assertRaises(OutOfStock):
            stocked().ship("NUT-M4", 41)

    def test_low_items_are_reordered(self):
        ledger = stocked()
        ledger.ship("BOLT-M4", 90)
        ledger.ship("bolt-m4", 45)
        self.assertEqual(reorder_list(ledger), ["Bolt M4"])

    def test_shipments_are_counted_by_item(self):
        ledger = stocked()
        ledger.ship("nut-m4", 7)
        ledger.ship("BOLT-M4", 30)
        self.assertEqual(shipped_by_item(ledger), [("Bolt M4", 30), ("Nut M4", 7)])


if __name__ == "__main__":
    unittest.main()
