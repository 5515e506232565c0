"""What is deployed on a gate, and the interpreter that runs it."""
