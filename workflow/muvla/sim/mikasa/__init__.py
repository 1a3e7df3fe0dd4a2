"""MIKASA-Robo's environments as gymnasium environments."""
