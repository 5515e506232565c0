"""The gate as a service of systemd."""
