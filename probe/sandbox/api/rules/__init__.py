"""What each kind demands beyond its shape: defaults, validation, and what an update must leave alone."""
