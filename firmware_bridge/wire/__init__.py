"""The bytes on the line: one definition, what is generated from it, and framing."""
