"""From a publisher's legacy exports to Pelcro: read, converted, checked, staged, signed off, loaded."""
