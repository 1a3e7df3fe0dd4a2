"""What differs between MIKASA-Robo and LIBERO, and which environments and tasks each has."""
