"""The bridge between boards and hosts: the wire, both of its ends, firmware built, flashed and emulated."""
