"""The bridge between boards and hosts: the wire, both ends of it, firmware built, flashed, emulated."""
