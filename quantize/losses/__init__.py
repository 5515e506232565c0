"""What int8 costs against the float network."""
