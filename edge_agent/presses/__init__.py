"""The MQTT sessions of presses, and who of a group has which press."""
