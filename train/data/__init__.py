"""Sets of handwriting: public ones, invented ones, one's own."""
