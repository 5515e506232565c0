"""Both ends of one conversation, without ports or clocks."""
