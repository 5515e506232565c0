"""The fixed-point reference: what each kernel set computes, in integers."""
